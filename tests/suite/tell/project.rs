//! What the code says of itself: pages and graph of repositories in several languages, by whole commands.

use std::{fs, path::Path};

use crate::sandbox::Sandbox;

const PAGES: [&str; 4] = ["ARCHITECTURE_MAP", "DEPENDENCY_GRAPH", "PERFORMANCE_TARGETS", "INTEGRATION_POINTS"];

fn page(name: &str) -> String {
    format!(".claude/project_context/{name}.md")
}

/// Rust, Python with a cycle, TypeScript and Go in one repository.
fn polyglot() -> Sandbox {
    let sandbox = Sandbox::new();
    for (path, text) in [
        ("core/Cargo.toml", "[package]\nname = \"core-lib\"\n[dependencies]\nserde = \"1.0\"\n[[bench]]\nname = \"speed\"\n"),
        ("core/src/lib.rs", "mod store;\npub use store::Store;\nuse serde::Serialize;\n"),
        (
            "core/src/store.rs",
            "use crate::parse::parse;\npub struct Store;\nimpl Store { pub fn open() { parse(); std::env::var(\"STORE_PATH\"); } }\n\
             #[cfg(test)]\nmod tests { #[test]\n fn opens() { assert!(true); } #[test] #[ignore]\n fn slow() {} }\n",
        ),
        ("core/src/parse.rs", "pub fn parse() {}\n"),
        (
            "py/pyproject.toml",
            "[project]\nname = 'app'\ndependencies = ['requests>=2']\n[project.scripts]\napp = 'app.main:run'\n",
        ),
        ("py/app/__init__.py", ""),
        (
            "py/app/main.py",
            "import requests\nfrom .models import Model\ndef run():\n    Model()\n    requests.get('https://api.acme.io/v1')\n",
        ),
        ("py/app/models.py", "from app import views\nclass Model: pass\n"),
        (
            "py/app/views.py",
            "from .models import Model\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .main import run\n",
        ),
        ("py/tests/test_app.py", "from app.main import run\ndef test_run():\n    assert run()\n"),
        (
            "web/package.json",
            "{\"name\":\"web\",\"dependencies\":{\"express\":\"^4\"},\"scripts\":{\"bench\":\"node bench.js\"}}",
        ),
        (
            "web/src/index.ts",
            "import express from 'express';\nimport { route } from './route.js';\nexport const app = express();\napp.get('/users', route);\nroute();\n",
        ),
        ("web/src/route.ts", "export function route(): void { process.env.TOKEN }\n"),
        ("go.mod", "module acme.io/tool\nrequire gopkg.in/yaml.v3 v3.0.1\n"),
        (
            "cmd/tool/main.go",
            "package main\nimport (\n\t\"acme.io/tool/internal/run\"\n\t\"gopkg.in/yaml.v3\"\n)\nfunc main() { run.Start(); yaml.Marshal(1) }\n",
        ),
        ("internal/run/run.go", "package run\nimport \"os/exec\"\nfunc Start() { exec.Command(\"git\") }\n"),
        ("vendor/other/other.go", "package other\n"),
        ("web/src/made.ts", "// @generated\nexport const A = 1;\n"),
        ("broken.py", "def one(:\n"),
    ] {
        sandbox.write(path, text);
    }
    sandbox.commit_all("code");
    sandbox
}

fn block(text: &str) -> String {
    let inside = text.lines().skip_while(|line| !line.contains("autonomy:begin")).skip(1);
    inside.take_while(|line| !line.contains("autonomy:end")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pages_tell_of_code_in_four_languages() {
    let sandbox = polyglot();
    let said = sandbox.autonomy(["context", "update"]).ok();
    assert_eq!(said.stdout, "");
    assert!(
        said.stderr.contains("Wrote 4 files in .claude/project_context/") && said.stderr.contains("Read 14 source files"),
        "{said}"
    );
    // The example shows them; `UPDATE=1` writes it anew.
    for name in PAGES {
        let (path, page) =
            (format!("{}/.claude-example/project_context/{name}.md", env!("CARGO_MANIFEST_DIR")), sandbox.read(page(name)));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(Path::new(&path).parent().expect("a directory")).expect("it can be made");
            fs::write(&path, &page).expect("it can be written");
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap_or_default(),
            page,
            "{name}: `UPDATE=1 cargo test --test suite project` writes it"
        );
    }
}

#[test]
fn what_people_wrote_stays_and_the_same_code_says_the_same() {
    let sandbox = polyglot();
    sandbox.write(page("ARCHITECTURE_MAP"), "# Ours\r\n\r\nThe store is the heart.\r\n");
    let before = sandbox.read(page("ARCHITECTURE_MAP"));
    let shown = sandbox.autonomy(["context", "update", "--dry-run"]).ok();
    assert!(shown.stdout.contains("+++ b/.claude/project_context/DEPENDENCY_GRAPH.md"), "{shown}");
    assert!(!sandbox.exists(page("DEPENDENCY_GRAPH")) && sandbox.read(page("ARCHITECTURE_MAP")) == before);
    sandbox.autonomy(["context", "update"]).ok();
    let after = sandbox.read(page("ARCHITECTURE_MAP"));
    assert!(after.starts_with(&before) && after[before.len()..].lines().count() > 20, "{after}");
    let again = sandbox.autonomy(["context", "update", "--json"]).ok().json();
    assert_eq!(again["changed"].as_array().map(Vec::len), Some(0), "{again}");
    assert_eq!(sandbox.read(page("ARCHITECTURE_MAP")), after);
    sandbox.write(page("INTEGRATION_POINTS"), sandbox.read(page("INTEGRATION_POINTS")).replace("STORE_PATH", "MY_PATH"));
    let kept = sandbox.autonomy(["context", "update"]).ok();
    assert!(kept.stderr.contains("is kept below it"), "{kept}");
    let text = sandbox.read(page("INTEGRATION_POINTS"));
    assert!(block(&text).contains("STORE_PATH") && text.contains("MY_PATH"), "{text}");
}

#[test]
fn init_makes_the_pages_and_uninstall_takes_them_back() {
    let sandbox = polyglot();
    let status = sandbox.status();
    sandbox.autonomy(["init"]).ok();
    for name in PAGES {
        assert!(sandbox.exists(page(name)), "{name}");
    }
    assert!(sandbox.read(page("PERFORMANCE_TARGETS")).contains("go test"), "the gates that init just wrote are not there");
    let again = sandbox.autonomy(["context", "update", "--json"]).ok().json();
    assert_eq!(again["changed"].as_array().map(Vec::len), Some(0), "{again}");
    let own = format!("{}\nWe mean 10 ms.\n", sandbox.read(page("PERFORMANCE_TARGETS")));
    sandbox.write(page("PERFORMANCE_TARGETS"), &own);
    fs::remove_file(sandbox.path(".claude/autonomy.toml")).expect("there");
    let gone = sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert!(gone.stderr.contains("project_context"), "{gone}");
    assert_eq!(sandbox.read(page("PERFORMANCE_TARGETS")), "\nWe mean 10 ms.\n");
    fs::remove_dir_all(sandbox.path(".claude/project_context")).expect("there");
    assert_eq!(sandbox.status(), status);
}

#[test]
fn the_graph_binds_files_code_tasks_and_variables() {
    let sandbox = polyglot();
    let first = sandbox.autonomy(["task", "add", "Lex", "--json"]).ok().json();
    let id = first["task"].as_str().expect("a name").to_owned();
    sandbox.autonomy(["task", "add", "Parse", "--after", &id]).ok();
    let graph = sandbox.autonomy(["context", "graph", "--json"]).ok().json();
    let has = |from: &str, to: &str, kind: &str, weight: u64| {
        let relations = graph["relations"].as_array().expect("a list");
        let found =
            relations.iter().any(|one| one["from"] == from && one["to"] == to && one["kind"] == kind && one["weight"] == weight);
        assert!(found, "{from} {kind} {to} is not in {relations:#?}");
    };
    has("core/src/store.rs", "core/src/parse.rs", "dependency", 800);
    has("core/src/store.rs", "core/src/parse.rs#parse", "calls", 900);
    has("py/app/main.py", "py/app/models.py#Model", "calls", 900);
    has("web/src/index.ts", "web/src/route.ts#route", "calls", 900);
    has("cmd/tool", "internal/run#Start", "calls", 900);
    has("web/src/route.ts", "env:TOKEN", "dependency", 800);
    assert!(graph["relations"].as_array().expect("a list").iter().any(|one| one["to"] == format!("task:{id}")), "{graph:#}");
    assert_eq!(graph["cycles"][0]["way"], serde_json::json!(["py/app/models.py", "py/app/views.py"]), "{graph:#}");
    let text = sandbox.autonomy(["context", "graph", "py/app/models.py"]).ok();
    insta::assert_snapshot!(text.stdout, @r"
    py/app/main.py
      imports py/app/models.py, line 2
      calls py/app/models.py#Model, line 4
    py/app/models.py
      imports py/app/views.py, line 1
    py/app/views.py
      imports py/app/main.py, line 4, types only
      imports py/app/models.py, line 1
    cycle: py/app/models.py → py/app/views.py → py/app/models.py
    ");
    let picture = sandbox.autonomy(["context", "graph", "--format", "mermaid", "web"]).ok();
    insta::assert_snapshot!(picture.stdout, @r#"
    graph LR
      m0["web/src/index.ts"]
      m1["web/src/route.ts"]
      m0 --> m1
    "#);
    let refused = sandbox.autonomy(["context", "graph", "nowhere"]).ended(2);
    assert!(refused.stderr.contains("`nowhere`") && refused.stderr.contains("hint:"), "{refused}");
}

#[test]
fn what_cannot_be_written_or_read_is_said() {
    let sandbox = polyglot();
    sandbox.write(page("DEPENDENCY_GRAPH"), "<!-- autonomy:end dependencies -->\n");
    let refused = sandbox.autonomy(["context", "update"]).ended(2);
    assert!(refused.stderr.contains("DEPENDENCY_GRAPH.md") && refused.stderr.contains("line 1"), "{refused}");
    assert!(!sandbox.exists(page("ARCHITECTURE_MAP")), "half of it was written");
    Sandbox::bare_ground().autonomy(["context", "update"]).ended(5);
    let empty = Sandbox::new();
    empty.autonomy(["context", "update"]).ok();
    assert!(empty.read(page("DEPENDENCY_GRAPH")).contains("None."));
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_and_secrets_not_shown() {
    let sandbox = polyglot();
    std::os::unix::fs::symlink("/etc/hostname", sandbox.path("linked.py")).expect("a link");
    let token = ["ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"].concat();
    sandbox.write("web/src/secret.ts", format!("fetch('https://me:{token}@api.acme.io/x');\nexport const token = '{token}';\n"));
    sandbox.git(["add", "--all"]);
    sandbox.autonomy(["context", "update"]).ok();
    for name in PAGES {
        let text = sandbox.read(page(name));
        assert!(!text.contains(&token) && !text.contains("linked.py"), "{text}");
    }
    assert!(sandbox.read(page("INTEGRATION_POINTS")).contains("https://api.acme.io"));
}
