//! Rules on a command: what it touches is judged as paths, what it does by itself here. Nothing is carried out or looked up but
//! through what is handed in.

use crate::model::guard::{
    Finding, Rule, Ruling, Verdict,
    call::{Argument, Call, Flow, UNKNOWN, name},
    code,
    path::{self, Access, Ground, Place},
    program,
    repository::{self, Thrown},
    unfold::{Read, Variable, at, unfold},
};

/// What the guard asks about the machine.
pub struct Sight<'a> {
    /// Reads a text for a shell.
    pub read: Read<'a>,
    /// The value of a variable.
    pub variable: Variable<'a>,
    /// Resolves a path.
    pub resolve: &'a dyn Fn(&str) -> Place,
    /// The paths that fit a path with `*`, `?` and `[`.
    pub expand: &'a dyn Fn(&str) -> Vec<String>,
    /// What speaks against throwing this away, if anything does.
    pub thrown: &'a dyn Fn(&Thrown, &str) -> Option<Finding>,
    /// The kind of secret in a text.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
}

/// Words that make a text that cannot be read worth a person's look.
const DANGEROUS: [&str; 30] = [
    "rm ",
    "rm\t",
    "rmdir",
    "unlink",
    "shred",
    "mkfs",
    "dd ",
    "wipefs",
    "--force",
    "--hard",
    "push",
    "clean -",
    "reset",
    "checkout",
    ".env",
    ".ssh",
    ".aws",
    ".gnupg",
    ".pem",
    "id_rsa",
    "id_ed25519",
    "secrets/",
    ".git/",
    ".claude",
    "autonomy",
    "eval",
    "base64",
    "| sh",
    "| bash",
    "/etc/",
];

/// Programs that print or hand on what files hold.
const READERS: [&str; 62] = [
    "cat",
    "tac",
    "less",
    "more",
    "most",
    "head",
    "tail",
    "nl",
    "bat",
    "batcat",
    "xxd",
    "od",
    "hexdump",
    "hd",
    "strings",
    "base64",
    "base32",
    "sort",
    "uniq",
    "cut",
    "paste",
    "comm",
    "join",
    "fold",
    "fmt",
    "pr",
    "rev",
    "expand",
    "column",
    "view",
    "vim",
    "vi",
    "nvim",
    "nano",
    "emacs",
    "ed",
    "ex",
    "code",
    "source",
    ".",
    "gzip",
    "bzip2",
    "xz",
    "zip",
    "tar",
    "gpg",
    "openssl",
    "nc",
    "ncat",
    "scp",
    "rsync",
    "cp",
    "install",
    "ln",
    "dd",
    "mapfile",
    "readarray",
    "xargs",
    "diff",
    "cmp",
    "pbcopy",
    "xclip",
];
/// Programs whose first operand is a pattern or a script and no file.
const PATTERNED: [&str; 15] =
    ["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "sed", "gsed", "awk", "gawk", "mawk", "jq", "yq", "perl"];
/// Programs that look at names, not into files, or whose words are no paths.
const NAMES_ONLY: [&str; 48] = [
    "echo",
    "printf",
    "ls",
    "ll",
    "la",
    "exa",
    "eza",
    "test",
    "[",
    "[[",
    "true",
    "false",
    ":",
    "export",
    "cd",
    "pushd",
    "popd",
    "pwd",
    "which",
    "type",
    "command",
    "stat",
    "file",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "du",
    "df",
    "tree",
    "find",
    "fd",
    "wc",
    "sleep",
    "date",
    "kill",
    "autonomy",
    "md5sum",
    "sha256sum",
    "sha1sum",
    "git",
    "gh",
    "alias",
    "unalias",
    "set",
    "unset",
    "declare",
    "trap",
];
/// Programs that change their operands.
const CHANGERS: [&str; 14] =
    ["tee", "touch", "truncate", "mkdir", "mkfifo", "mknod", "sponge", "patch", "ed", "ex", "vim", "vi", "nano", "emacs"];

/// Rules on a text for a shell, started in `directory`.
#[must_use]
pub fn judge(text: &str, directory: &str, ground: &Ground, sight: &Sight<'_>) -> Ruling {
    let unfolded = match unfold(text, directory, sight.read, sight.variable) {
        Ok(unfolded) => unfolded,
        Err(why) => return unread(text, &why),
    };
    let mut findings = Vec::new();
    let mut writes = false;
    for call in &unfolded.calls {
        let judge = Judge { call, ground, sight };
        judge.all(&mut findings);
        writes |= !call.writes.is_empty() || matches!(call.program(), "tee" | "git" | "dd");
    }
    for name in &unfolded.bombs {
        findings.push(Finding::deny(
            Rule::Machine,
            format!("the function `{name}` starts itself over and over until the machine stops"),
            "Leave it",
        ));
    }
    if let Some(kind) = writes.then(|| (sight.secret)(text)).flatten() {
        findings.push(secret_written(&kind, "the command"));
    }
    for why in unfolded.hidden {
        findings.push(Finding::ask(
            Rule::Unread,
            why,
            "Write the command out, or put it into a file in the work tree, read it, and run that",
        ));
    }
    Ruling::of(findings, Vec::new())
}

/// The finding about a secret in something that is about to be written.
#[must_use]
pub fn secret_written(kind: &str, what: &str) -> Finding {
    Finding::deny(
        Rule::SecretWritten,
        format!("{what} would write a secret ({kind}) into a file"),
        "Read it from a variable when it is needed, and write the variable's name",
    )
}

fn unread(text: &str, why: &str) -> Ruling {
    let folded = text.to_lowercase();
    match DANGEROUS.iter().find(|word| folded.contains(*word)) {
        Some(word) => Ruling::of(
            vec![Finding::ask(
                Rule::Unread,
                format!("the command cannot be read ({why}) and holds `{}`", word.trim()),
                "Write it as separate, plain commands",
            )],
            Vec::new(),
        ),
        None => Ruling::of(Vec::new(), vec![format!("the command cannot be read ({why}); it holds no word that rules know")]),
    }
}

/// Whether a word is known to be a path, or is one only when something lies there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    AsPath,
    IfThere,
}

/// What of a directory is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    File,
    Tree,
}

struct Judge<'a> {
    call: &'a Call,
    ground: &'a Ground,
    sight: &'a Sight<'a>,
}

impl Judge<'_> {
    fn all(&self, findings: &mut Vec<Finding>) {
        let call = self.call;
        for file in &call.reads {
            self.path(file, Access::Read, Taken::AsPath, findings);
        }
        for file in &call.writes {
            self.path(file, Access::Write, Taken::AsPath, findings);
        }
        if call.words.is_empty() {
            return;
        }
        self.denied(findings);
        let program = call.program();
        match program {
            "" => self.unknown_program(findings),
            "git" => self.git(findings),
            "autonomy" => self.reserved(findings),
            code::PROGRAM => self.code(findings),
            "rm" | "unlink" | "rmdir" | "shred" | "trash" | "srm" => {
                let one_by_one = program == "rm" && !(call.has('r', "--recursive") || call.has('R', "--recursive"));
                for file in call.operands(&["-n", "--iterations"]) {
                    let single = one_by_one || matches!(program, "unlink" | "rmdir");
                    self.removal(file, if single { Removal::File } else { Removal::Tree }, findings);
                }
            }
            "find" => self.find(findings),
            "mv" | "cp" | "install" | "ln" | "rsync" | "scp" => self.moved(program, findings),
            "dd" => {
                for argument in call.arguments() {
                    if let Some(file) = argument.text.strip_prefix("of=") {
                        self.path(&argument.with(file), Access::Write, Taken::AsPath, findings);
                    } else if let Some(file) = argument.text.strip_prefix("if=") {
                        self.path(&argument.with(file), Access::Read, Taken::AsPath, findings);
                    }
                }
            }
            "chmod" | "chown" | "chgrp" => {
                let recursive = call.has('R', "--recursive");
                for file in call.operands(&["--reference"]).skip(1) {
                    self.path(file, if recursive { Access::Remove } else { Access::Write }, Taken::AsPath, findings);
                }
            }
            "shutdown" | "reboot" | "halt" | "poweroff" | "wipefs" | "fdisk" | "sfdisk" | "parted" | "mkswap" | "blkdiscard" => {
                findings.push(machine(call));
            }
            "kill"
                if call.operands(&["-s", "-n"]).any(|target| target.text == "-1")
                    || call.words.last().is_some_and(|last| last.text == "-1" && call.words.len() > 2) =>
            {
                findings.push(machine(call));
            }
            _ if program.starts_with("mkfs") => findings.push(machine(call)),
            _ => {}
        }
        self.options(program, findings);
        if CHANGERS.contains(&program) {
            for file in call.operands(&["-m", "--mode", "-s", "--size", "-d", "-t", "-r", "-i"]) {
                self.path(file, Access::Write, Taken::AsPath, findings);
            }
        }
        self.content(program, findings);
    }

    /// Options of common programs that name a file to write or to send.
    fn options(&self, program: &str, findings: &mut Vec<Finding>) {
        let call = self.call;
        let mut write = |option: &str| {
            for file in call.values(option) {
                self.path(&file, Access::Write, Taken::AsPath, findings);
            }
        };
        match program {
            "curl" => ["-o", "--output", "--output-dir"].into_iter().for_each(&mut write),
            "wget" => ["-O", "--output-document", "-P", "--directory-prefix"].into_iter().for_each(&mut write),
            "sort" | "gcc" | "cc" | "clang" | "rustc" | "go" => ["-o", "--output"].into_iter().for_each(&mut write),
            "tar" => ["-C", "--directory"].into_iter().for_each(&mut write),
            "unzip" => write("-d"),
            "sed" | "gsed" | "perl"
                if call.arguments().iter().any(|argument| {
                    argument.text.starts_with("-i") || argument.text == "-pi" || argument.text == "--in-place"
                }) =>
            {
                let script = usize::from(
                    !call.arguments().iter().any(|argument| matches!(argument.text.as_str(), "-e" | "-f" | "-pi" | "-pe")),
                );
                for file in call.operands(&["-e", "-f"]).skip(script) {
                    self.path(file, Access::Write, Taken::AsPath, findings);
                }
            }
            _ => {}
        }
    }

    /// Files whose content the program hands on.
    fn content(&self, program: &str, findings: &mut Vec<Finding>) {
        let call = self.call;
        if NAMES_ONLY.contains(&program)
            || matches!(
                program,
                "rm" | "mv" | "touch" | "mkdir" | "chmod" | "chown" | "tee" | "(code)" | "unlink" | "rmdir" | "shred"
            )
        {
            return;
        }
        let certain = READERS.contains(&program) || PATTERNED.contains(&program);
        let mut operands: Vec<Argument> = if PATTERNED.contains(&program) {
            let given =
                call.arguments().iter().any(|argument| matches!(argument.text.as_str(), "-e" | "-f" | "--regexp" | "--file"));
            let taking = [
                "-e",
                "-f",
                "-A",
                "-B",
                "-C",
                "-m",
                "-g",
                "-t",
                "-T",
                "-F",
                "-v",
                "--glob",
                "--type",
                "--include",
                "--exclude",
                "--arg",
            ];
            call.operands(&taking).skip(usize::from(!given)).cloned().collect()
        } else if matches!(program, "cp" | "install" | "ln" | "rsync" | "scp") {
            Vec::new()
        } else {
            call.arguments().to_vec()
        };
        operands.extend(call.arguments().iter().filter_map(|argument| {
            // `-d @file`, `-F part=@file`, `--env-file=file`.
            let value = argument.text.strip_prefix("--").and_then(|option| option.split_once('=')).map(|(_, value)| value);
            let value = value.or_else(|| argument.text.split_once('@').map(|(_, file)| file).filter(|_| program == "curl"));
            value.map(|value| argument.with(value.trim_start_matches('@')))
        }));
        for operand in operands {
            let taken = if certain && !operand.text.starts_with('-') { Taken::AsPath } else { Taken::IfThere };
            self.path(&operand, Access::Read, taken, findings);
        }
    }

    /// Judges one path; where it is not `certain` that the word is a path, only what exists counts.
    fn path(&self, word: &Argument, access: Access, taken: Taken, findings: &mut Vec<Finding>) {
        let certain = taken == Taken::AsPath;
        if word.text.is_empty() || (!certain && (word.text.contains([' ', '\n']) || word.text.starts_with('-'))) {
            return;
        }
        let whole = at(self.call.directory.as_deref(), &word.text);
        let mut paths = vec![whole.clone()];
        if word.pattern {
            paths.extend((self.sight.expand)(&whole));
        }
        for path in paths {
            let place = (self.sight.resolve)(&path);
            if certain || place.exists {
                findings.extend(path::judge(&place, access, self.ground));
            }
        }
    }

    fn removal(&self, word: &Argument, removal: Removal, findings: &mut Vec<Finding>) {
        let one_by_one = removal == Removal::File;
        // `*` and `.*` take everything in a directory, which is as much as the directory itself.
        let last = name(&word.text);
        let everything = word.pattern
            && !last.is_empty()
            && last.chars().all(|character| matches!(character, '*' | '.' | '?' | '[' | ']' | '!' | '^'));
        let all = everything && !one_by_one;
        let whole = if all { word.text.trim_end_matches('/').strip_suffix(last).unwrap_or_default() } else { word.text.as_str() };
        let whole = if all && whole.is_empty() { "." } else { whole };
        let mut found = Vec::new();
        self.path(&word.with(whole), if one_by_one { Access::Write } else { Access::Remove }, Taken::AsPath, &mut found);
        if word.pattern && !all {
            self.path(word, if one_by_one { Access::Write } else { Access::Remove }, Taken::AsPath, &mut found);
        }
        findings.extend(found);
    }

    fn find(&self, findings: &mut Vec<Finding>) {
        let call = self.call;
        if !call.arguments().iter().any(|argument| argument.text == "-delete") {
            return;
        }
        let chosen = call.arguments().iter().any(|argument| program::TESTS_OF_FIND.contains(&argument.text.as_str()));
        for start in program::starts_of_find(call) {
            let below = if chosen { format!("{}/{UNKNOWN}", start.text.trim_end_matches('/')) } else { start.text.clone() };
            self.path(&start.with(&below), Access::Remove, Taken::AsPath, findings);
        }
    }

    fn moved(&self, program: &str, findings: &mut Vec<Finding>) {
        let taking =
            ["-m", "--mode", "-o", "--owner", "-g", "--group", "-S", "--suffix", "-e", "--exclude", "-t", "--target-directory"];
        let mut files: Vec<&Argument> = self.call.operands(&taking).collect();
        let mut into: Vec<Argument> = self.call.values("-t").chain(self.call.values("--target-directory")).collect();
        if into.is_empty() && files.len() > 1 {
            into.extend(files.pop().cloned());
        }
        let remote = |file: &Argument| {
            matches!(program, "scp" | "rsync") && file.text.split('/').next().is_some_and(|host| host.contains(':'))
        };
        for file in files.into_iter().filter(|file| !remote(file)) {
            self.path(file, Access::Read, Taken::AsPath, findings);
            if program == "mv" {
                self.path(file, Access::Remove, Taken::AsPath, findings);
            }
        }
        for target in into.iter().filter(|target| !remote(target)) {
            self.path(target, Access::Write, Taken::AsPath, findings);
        }
    }

    fn git(&self, findings: &mut Vec<Finding>) {
        let here = self.call.directory.clone();
        let exists = |word: &Argument| word.is_known() && (self.sight.resolve)(&at(here.as_deref(), &word.text)).exists;
        let effects = repository::effects(self.call, &exists);
        findings.extend(effects.findings);
        let directory = match effects.directory {
            Some(to) => Some(at(self.call.directory.as_deref(), &to)),
            None => self.call.directory.clone(),
        };
        if let Some(thrown) = effects.thrown {
            let place = (self.sight.resolve)(directory.as_deref().unwrap_or(&self.ground.root));
            let ours = path::within(&place.real, &self.ground.root);
            findings.extend(ours.then(|| (self.sight.thrown)(&thrown, &place.real)).flatten());
        }
        let call = Call { directory, ..self.call.clone() };
        let judge = Judge { call: &call, ground: self.ground, sight: self.sight };
        for (file, access) in effects.touched {
            judge.path(&file, access, Taken::AsPath, findings);
        }
    }

    fn reserved(&self, findings: &mut Vec<Finding>) {
        let call = self.call;
        let mut operands = call.operands(&["-C", "--session", "--profile", "--as-person"]).map(|word| word.text.as_str());
        let verb = [operands.next().unwrap_or_default(), operands.next().unwrap_or_default()];
        let person = call.has('\0', "--as-person") || call.arguments().iter().any(|argument| argument.text == "--as-person");
        let of_persons = matches!(verb, ["answer" | "uninstall", _] | ["config", "set"] | ["decision", "override"])
            || (verb[0] == "trust" && verb[1] != "list");
        let asks = call.arguments().iter().any(|argument| matches!(argument.text.as_str(), "--help" | "-h" | "--dry-run"));
        if (of_persons && !asks) || person || (call.unmarked && !asks) {
            let what = if of_persons || person {
                "is reserved for a person"
            } else {
                "would pass for a person's, without the marks of an agent"
            };
            findings.push(Finding::deny(
                Rule::Reserved,
                format!("`{}` {what}", call.shown()),
                "Ask: `autonomy ask \"<question>\"`; a person answers with `autonomy answer`",
            ));
        }
    }

    /// The texts of a one-liner, each as if it were a path.
    fn code(&self, findings: &mut Vec<Finding>) {
        let effect = self.call.arguments().first().map_or(code::READS, |effect| effect.text.as_str());
        for literal in self.call.arguments().iter().skip(1) {
            if literal.text.contains(['\n', ' ']) || literal.text.len() > 400 {
                continue;
            }
            self.path(literal, Access::Read, Taken::AsPath, findings);
            let path_like = literal.text.contains('/') || literal.text.starts_with(['~', '.']);
            let mut found = Vec::new();
            match effect {
                code::REMOVES if path_like => self.path(literal, Access::Remove, Taken::AsPath, &mut found),
                code::WRITES if path_like => self.path(literal, Access::Write, Taken::AsPath, &mut found),
                _ => {}
            }
            // A text in quotes need not be a path, so what only needs a person is left.
            findings.extend(found.into_iter().filter(|finding| finding.rule != Rule::Outside));
        }
    }

    /// The program itself cannot be known: what would be denied to a program that removes or reads needs a person.
    fn unknown_program(&self, findings: &mut Vec<Finding>) {
        for guess in ["rm", "git"] {
            let mut words = vec![Argument::of(guess)];
            words.extend(self.call.arguments().iter().cloned());
            let call = Call { words, reads: Vec::new(), writes: Vec::new(), input: Flow::Nothing, ..self.call.clone() };
            if guess == "rm" && !(call.has('r', "--recursive") || call.has('R', "--recursive")) {
                continue;
            }
            let mut found = Vec::new();
            Judge { call: &call, ground: self.ground, sight: self.sight }.all(&mut found);
            findings.extend(found.into_iter().filter(|finding| finding.verdict == Verdict::Deny).map(|finding| {
                Finding::ask(
                    Rule::Unread,
                    format!("the program cannot be known before it runs, and if it were `{guess}`, {}", finding.reason),
                    "Write the program out",
                )
            }));
        }
    }

    fn denied(&self, findings: &mut Vec<Finding>) {
        for denied in &self.ground.denied {
            let wanted: Vec<&str> = denied.split_whitespace().collect();
            let mut words = vec![self.call.program()];
            words.extend(self.call.arguments().iter().map(|argument| argument.text.as_str()));
            if !wanted.is_empty() && words.starts_with(&wanted) {
                findings.push(Finding::deny(
                    Rule::DeniedCommand,
                    format!("`{}` is denied by `guard.denied` (`{denied}`)", self.call.shown()),
                    "Ask a person to do it: `autonomy ask \"<question>\"`",
                ));
            }
        }
    }
}

fn machine(call: &Call) -> Finding {
    Finding::deny(
        Rule::Machine,
        format!("`{}` is about the machine itself, which no agent changes", call.shown()),
        "Ask a person: `autonomy ask \"<question>\"`",
    )
}

/// Rules on one path, as it was typed in `directory`.
#[must_use]
pub fn judge_path(path: &str, access: Access, directory: &str, ground: &Ground, sight: &Sight<'_>) -> Ruling {
    let place = (sight.resolve)(&at(Some(directory), path));
    Ruling::of(path::judge(&place, access, ground), Vec::new())
}
