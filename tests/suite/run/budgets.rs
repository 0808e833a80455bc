//! Tokens and money that agents may use: a run begins no attempt beyond them, and says what was used up.

use crate::{run::stage_program, sandbox::Sandbox};

/// An agent that says what it used, writes a file, and is never right.
fn agent() -> Sandbox {
    let usage = "{\"opus\":{\"inputTokens\":700,\"outputTokens\":300,\"costUSD\":0.75}}";
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\necho WRONG $$ > work.txt\necho '{{\"type\":\"result\",\"is_error\":false,\"num_turns\":1,\
         \"terminal_reason\":\"completed\",\"result\":\"done\",\"modelUsage\":{usage}}}'\n"
    );
    let sandbox = stage_program("claude", &script, "", &["One", "Two"]);
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox
}

#[test]
fn a_run_ends_when_its_tokens_or_its_money_are_used_up() {
    let bounds = [
        ("AUTONOMY_RUN__MAX_TOKENS", "2000", "`run.max_tokens`", "2 attempts"),
        ("AUTONOMY_RUN__MAX_COST", "1.5", "`run.max_cost`", "2 attempts"),
        ("AUTONOMY_RUN__MAX_COST", "0.5", "`run.max_cost`", "1 attempt"),
    ];
    for (variable, bound, words, attempts) in bounds {
        let sandbox = agent().with(variable, bound);
        let said = sandbox.autonomy(["run"]).ended(6);
        assert!(said.stderr.contains(words) && said.stdout.contains(attempts), "{variable}={bound}: {said}");
    }
    for wrong in ["0", "-1", "much"] {
        let said = agent().with("AUTONOMY_RUN__MAX_COST", wrong).autonomy(["run"]).ended(2);
        assert!(said.stderr.contains("a number of dollars above 0"), "{wrong}: {said}");
    }
}
