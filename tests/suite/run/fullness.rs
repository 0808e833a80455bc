//! An agent whose context is almost full: what is known is sealed before its client cuts it, once.

use crate::{
    run::{log_count, stage_program},
    sandbox::Sandbox,
};

/// Says that three messages took in so many tokens each, then writes a file and ends.
fn agent(tokens: [u32; 3]) -> Sandbox {
    let message = |(id, tokens): (usize, u32)| {
        let usage = format!("{{\"input_tokens\":10,\"cache_read_input_tokens\":{},\"output_tokens\":0}}", tokens - 10);
        format!(
            "echo '{{\"type\":\"assistant\",\"session_id\":\"s\",\"message\":{{\"id\":\"m{id}\",\"model\":\"opus\",\"usage\":{usage},\"content\":[]}}}}'\n"
        )
    };
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\n{}echo hello > greeting.txt\necho '{{\"type\":\"result\",\"is_error\":false,\"num_turns\":3,\
         \"terminal_reason\":\"completed\",\"result\":\"done\",\"modelUsage\":{{}}}}'\n",
        tokens.into_iter().enumerate().map(message).collect::<String>(),
    );
    let sandbox = stage_program("claude", &script, "", &["Greet"]);
    let config = "../home/.config/autonomy/config.toml";
    sandbox.write(config, format!("{}[session]\ncontext = 1000\n", sandbox.read(config)));
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox
}

#[test]
fn everything_is_sealed_once_when_the_context_is_almost_full() {
    let sandbox = agent([500, 820, 900]);
    sandbox.autonomy(["run"]).ok();
    assert_eq!(log_count(&sandbox, "compaction.sealed"), 1);
    let shown = sandbox.autonomy(["compact", "show"]).ok();
    assert!(shown.stdout.contains("(proactive)"), "{shown}");
    let sandbox = agent([500, 700, 799]);
    sandbox.autonomy(["run"]).ok();
    assert_eq!(log_count(&sandbox, "compaction.sealed"), 0);
}
