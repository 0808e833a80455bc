//! What is known about single programs: which start others, and what a few of them print.

use std::{iter::Peekable, str::Chars};

use crate::model::{
    guard::call::{Argument, Call, Flow, UNKNOWN},
    shell::command_line,
};

/// Tests of `find` that choose among what lies below its start.
pub const TESTS_OF_FIND: [&str; 22] = [
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-regex",
    "-iregex",
    "-mtime",
    "-mmin",
    "-atime",
    "-ctime",
    "-newer",
    "-size",
    "-empty",
    "-perm",
    "-user",
    "-group",
    "-maxdepth",
    "-mindepth",
    "-samefile",
    "-inum",
    "-type",
];

/// Programs that start what their arguments name, with the options of theirs that take a word, and the number of own operands.
const STARTERS: [(&str, &[&str], usize); 35] = [
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "--user", "--group", "--chdir"], 0),
    ("doas", &["-u", "-C"], 0),
    ("env", &["-u", "--unset", "-C", "--chdir", "-S"], 0),
    ("nohup", &[], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "-p"], 0),
    ("chrt", &["-p"], 1),
    ("time", &["-f", "-o"], 0),
    ("timeout", &["-k", "-s", "--signal", "--kill-after"], 1),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("setsid", &[], 0),
    ("command", &[], 0),
    ("builtin", &[], 0),
    ("exec", &["-a"], 0),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("chroot", &[], 1),
    ("unshare", &[], 0),
    ("strace", &["-e", "-o", "-p", "-s"], 0),
    ("ltrace", &["-e", "-o"], 0),
    ("xargs", &["-I", "-n", "-P", "-L", "-d", "-a", "-s", "-E", "--max-args", "--max-procs", "--delimiter"], 0),
    ("parallel", &["-j", "-n", "--jobs", "-I"], 0),
    ("watch", &["-n", "--interval"], 0),
    ("caffeinate", &["-t", "-w"], 0),
    ("taskset", &["-p"], 1),
    ("numactl", &[], 0),
    ("flock", &["-w", "-E", "--timeout"], 1),
    ("direnv", &[], 2),
    ("dotenv", &["-f", "-e"], 0),
    ("firejail", &[], 0),
    ("fakeroot", &[], 0),
    ("systemd-run", &["-p", "--unit", "-u"], 0),
    ("runuser", &["-u"], 0),
    ("entr", &[], 0),
    ("rtk", &[], 0),
];

/// Where in the words of a call the command begins that it starts.
#[must_use]
pub fn inner(call: &Call) -> Option<usize> {
    let (_, taking, own) = STARTERS.iter().find(|(name, ..)| *name == call.program())?;
    let (mut own, mut at) = (*own, 1);
    while let Some(word) = call.words.get(at) {
        let text = word.text.as_str();
        at += 1;
        match text {
            "--" => return (at < call.words.len()).then_some(at),
            _ if text.starts_with('-') && text.len() > 1 => {
                if taking.contains(&text) {
                    at += 1;
                }
            }
            _ if call.program() == "env" && text.split_once('=').is_some() => {}
            "-" if call.program() == "env" => {}
            _ if own > 0 => own -= 1,
            _ => return Some(at - 1),
        }
    }
    None
}

/// The text for a shell that a program is given as an option or an operand.
#[must_use]
pub fn text_option(program: &str, call: &Call) -> Option<String> {
    let after = |flags: &[&str]| {
        let mut words = call.arguments().iter();
        words.by_ref().find(|word| flags.contains(&word.text.as_str()))?;
        words.next().map(|word| word.text.clone())
    };
    match program {
        "su" | "runuser" | "script" | "flock" => after(&["-c", "--command", "-qc", "-qec"]),
        "env" => after(&["-S", "--split-string"]),
        "watch" => {
            let text = call.operands(&["-n", "--interval"]).map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            (!text.is_empty()).then_some(text)
        }
        "hyperfine" => call.operands(&["-w", "-r", "--warmup", "--runs"]).next().map(|word| word.text.clone()),
        // Another machine's files are not ours, but what must not be done here is not done there either.
        "ssh" => {
            let mut words = call.operands(&["-p", "-i", "-l", "-o", "-F", "-J", "-L", "-R", "-D", "-b", "-c", "-E", "-W"]);
            words.next()?;
            let text = words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            (!text.is_empty()).then_some(text)
        }
        _ => None,
    }
}

/// Texts for a shell that git is given: aliases, programs in its settings, and commands for each commit or module.
#[must_use]
pub fn of_git(call: &Call) -> Vec<String> {
    let mut texts = Vec::new();
    for setting in call.values("-c") {
        let Some((key, value)) = setting.text.split_once('=') else { continue };
        let key = key.to_ascii_lowercase();
        if let Some(command) = value.strip_prefix('!') {
            texts.push(command.to_owned());
        } else if let Some(alias) = key.strip_prefix("alias.").filter(|alias| !alias.is_empty()) {
            texts.push(format!("git {value}"));
            texts.extend(call.arguments().iter().any(|word| word.text == alias).then(|| {
                let rest = call.arguments().iter().skip_while(|word| word.text != alias).skip(1);
                format!("git {value} {}", rest.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "))
            }));
        } else if ["core.sshcommand", "core.pager", "core.editor", "core.fsmonitor", "sequence.editor", "gpg.program"]
            .contains(&key.as_str())
            && !value.is_empty()
        {
            texts.push(value.to_owned());
        }
    }
    for option in ["--exec", "-x", "--tree-filter", "--index-filter", "--msg-filter", "--commit-filter", "--env-filter"] {
        let run = call.arguments().iter().any(|word| matches!(word.text.as_str(), "rebase" | "filter-branch"));
        texts.extend(run.then(|| call.values(option)).into_iter().flatten().map(|value| value.text));
    }
    let after = |command: &'static str, word: &'static str| {
        let mut words =
            call.arguments().iter().skip_while(move |word| word.text != command).skip(1).skip_while(move |own| own.text != word);
        words.next();
        words.map(|word| word.text.as_str())
    };
    texts.push(after("submodule", "foreach").filter(|word| !word.starts_with("--")).collect::<Vec<_>>().join(" "));
    texts.push(command_line(after("bisect", "run")));
    texts.retain(|text| !text.is_empty());
    texts
}

/// Where `find` begins to look.
#[must_use]
pub fn starts_of_find(call: &Call) -> Vec<Argument> {
    let words = call.arguments().iter().skip_while(|word| matches!(word.text.as_str(), "-H" | "-L" | "-P"));
    let starts: Vec<Argument> = words.take_while(|word| !word.text.starts_with(['-', '(', '!'])).cloned().collect();
    if starts.is_empty() { vec![Argument::of(".")] } else { starts }
}

/// What a program prints, where that follows from its arguments and its input.
#[must_use]
pub fn printed(program: &str, call: &Call) -> Flow {
    let arguments = || call.arguments().iter().map(|argument| argument.text.as_str());
    let piped = |change: &dyn Fn(&str) -> Option<String>| match &call.input {
        Flow::Known(text) => change(text).map_or(Flow::Hidden, Flow::Known),
        Flow::Nothing | Flow::Hidden => Flow::Hidden,
    };
    match program {
        "echo" => {
            let (mut end, mut escapes) = ("\n", false);
            let mut words: Vec<&str> = arguments().collect();
            while let Some(option) = words.first().filter(|word| matches!(**word, "-n" | "-e" | "-E" | "-ne" | "-en")) {
                end = if option.contains('n') { "" } else { end };
                escapes |= option.contains('e');
                words.remove(0);
            }
            let text = words.join(" ");
            Flow::Known(format!("{}{end}", if escapes { escaped(&text) } else { text }))
        }
        "printf" => {
            let mut words = arguments();
            let Some(format) = words.next() else { return Flow::Nothing };
            Flow::Known(formatted(&escaped(format), &words.map(str::to_owned).collect::<Vec<_>>()))
        }
        "cat" | "tee" if program == "tee" || call.operands(&[]).all(|file| file.text == "-") => {
            piped(&|text| Some(text.to_owned()))
        }
        "base64" if call.has('d', "--decode") || call.has('D', "") => piped(&decoded),
        "rev" => piped(&|text| Some(text.lines().map(|line| line.chars().rev().collect::<String>() + "\n").collect())),
        "xxd" if call.has('r', "") => piped(&unhexed),
        "tr" => piped(&|text| translated(text, &arguments().collect::<Vec<_>>())),
        "pwd" | "true" | ":" | "mkdir" | "rm" | "touch" | "chmod" | "test" | "[" | "[[" | "sleep" | "exit" | "return" => {
            Flow::Nothing
        }
        _ => Flow::Hidden,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match rest.peek().copied() {
            Some('x') => {
                rest.next();
                out.push(number(&mut rest, 16, 2));
            }
            Some('0'..='7') => out.push(number(&mut rest, 8, 4)),
            Some('n') => {
                rest.next();
                out.push('\n');
            }
            Some('t') => {
                rest.next();
                out.push('\t');
            }
            Some('\\') => {
                rest.next();
                out.push('\\');
            }
            _ => out.push('\\'),
        }
    }
    out
}

fn number(rest: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> char {
    let mut value = 0;
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(radix)) else { break };
        value = value * radix + digit;
        rest.next();
    }
    char::from_u32(value).unwrap_or(UNKNOWN)
}

fn formatted(format: &str, words: &[String]) -> String {
    let mut out = String::new();
    let mut words = words.iter();
    loop {
        let before = words.len();
        let mut rest = format.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            match rest.next() {
                Some('s' | 'q' | 'd' | 'i') => out.push_str(words.next().map_or("", String::as_str)),
                Some('b') => out.push_str(&escaped(words.next().map_or("", String::as_str))),
                Some('%') => out.push('%'),
                _ => out.push(UNKNOWN),
            }
        }
        if words.len() == 0 || words.len() == before {
            return out;
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).unwrap_or_default());
        }
    }
    String::from_utf8(out).ok()
}

fn unhexed(text: &str) -> Option<String> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    String::from_utf8(digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect()).ok()
}

fn translated(text: &str, arguments: &[&str]) -> Option<String> {
    let spread = |set: &str| {
        let all: Vec<char> = set.chars().collect();
        let mut out = Vec::new();
        let mut at = 0;
        while at < all.len() {
            if all.get(at + 1) == Some(&'-') && at + 2 < all.len() {
                out.extend(all[at]..=all[at + 2]);
                at += 3;
            } else {
                out.push(all[at]);
                at += 1;
            }
        }
        out
    };
    match arguments {
        ["-d", set] => {
            let set = spread(&escaped(set));
            Some(text.chars().filter(|character| !set.contains(character)).collect())
        }
        [from, to] if !from.starts_with(['-', '[']) => {
            let (from, to) = (spread(&escaped(from)), spread(&escaped(to)));
            let last = *to.last()?;
            let put = |character: char| match from.iter().position(|own| *own == character) {
                Some(at) => to.get(at).copied().unwrap_or(last),
                None => character,
            };
            Some(text.chars().map(put).collect())
        }
        _ => None,
    }
}
