//! From the steps of a text to every program that it starts: values of variables, what commands print, and the commands inside
//! others (`sh -c`, `eval`, `xargs`, `find -exec`, `sudo`, …) are followed as far as they can be known.
//!
//! Both ways of a branch are taken and every loop is gone through, so what is found may happen. What happens is not known here.

use std::collections::BTreeMap;

use crate::model::guard::{
    call::{Argument, Call, Flow, UNKNOWN, name},
    code, program,
    script::{Piece, Redirection, Simple, Step, Word},
};

/// How many programs are looked at in one text.
const MOST_CALLS: usize = 2_000;
/// How deep texts for a shell may lie in each other.
const DEEPEST: usize = 24;
/// The variables whose values are taken from the surroundings; others may hold secrets and count as unknown.
const KNOWN_VARIABLES: [&str; 12] = [
    "HOME",
    "PWD",
    "OLDPWD",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "CLAUDE_PROJECT_DIR",
    "GIT_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
];
/// The variables that tell an agent from a person.
const MARKS: [&str; 3] = ["CLAUDECODE", "AI_AGENT", "AUTONOMY_STEP"];

/// Reads a text for a shell.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<Step>, String>;
/// The value of a variable.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Everything that a text starts.
#[derive(Debug, Default)]
pub struct Unfolded {
    /// The programs, in order.
    pub calls: Vec<Call>,
    /// Texts that would be carried out and cannot be known, in words.
    pub hidden: Vec<String>,
    /// Functions that start themselves over and over.
    pub bombs: Vec<String>,
}

/// Finds everything that `text` starts in `directory`.
///
/// # Errors
/// Says why the text cannot be read.
pub fn unfold(text: &str, directory: &str, read: Read<'_>, variable: Variable<'_>) -> Result<Unfolded, String> {
    let steps = read(text)?;
    let mut shell = Shell { read, variable, found: Unfolded::default(), files: BTreeMap::new(), depth: 0 };
    let mut scope = Scope { directory: Some(directory.to_owned()), ..Scope::default() };
    shell.steps(&steps, &mut scope, &Flow::Nothing);
    Ok(shell.found)
}

/// Whether blanks in values part a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    Part,
    Stay,
}

/// What holds while steps are carried out.
#[derive(Clone, Default)]
struct Scope {
    variables: BTreeMap<String, String>,
    directory: Option<String>,
    functions: Vec<String>,
    unmarked: bool,
}

struct Shell<'a> {
    read: Read<'a>,
    variable: Variable<'a>,
    found: Unfolded,
    /// What this text itself wrote into files.
    files: BTreeMap<String, String>,
    depth: usize,
}

/// Where the input of a program comes from and its output goes.
#[derive(Clone, Default)]
struct Ends {
    reads: Vec<Argument>,
    writes: Vec<Argument>,
    input: Flow,
}

impl Shell<'_> {
    fn steps(&mut self, steps: &[Step], scope: &mut Scope, input: &Flow) -> Flow {
        let mut printed = String::new();
        let mut known = true;
        for step in steps {
            match self.step(step, scope, input.clone()) {
                Flow::Known(text) => printed.push_str(&text),
                Flow::Nothing => {}
                Flow::Hidden => known = false,
            }
        }
        if known { Flow::Known(printed) } else { Flow::Hidden }
    }

    fn step(&mut self, step: &Step, scope: &mut Scope, input: Flow) -> Flow {
        match step {
            Step::Simple(simple) => self.simple(simple, scope, input),
            Step::Pipeline(stages) => {
                let mut flow = input;
                for stage in stages {
                    flow = self.step(stage, &mut scope.clone(), flow);
                }
                flow
            }
            Step::Group { isolated, steps, redirections } => {
                let ends = self.ends(redirections, scope, input);
                let mut inner = scope.clone();
                let flow = self.steps(steps, &mut inner, &ends.input);
                if !isolated {
                    *scope = inner;
                }
                self.redirected(ends, scope, flow)
            }
            Step::Loop { variable, values, steps, redirections } => {
                let ends = self.ends(redirections, scope, input);
                let mut all: Vec<Argument> = values.iter().flat_map(|word| self.word(word, scope, Blanks::Part)).collect();
                if all.is_empty() {
                    all.push(Argument::of(UNKNOWN));
                }
                all.truncate(32);
                let mut flow = Flow::Nothing;
                for value in all {
                    let text = if value.pattern { value.text.replace(['*', '?'], &UNKNOWN.to_string()) } else { value.text };
                    scope.variables.insert(variable.clone(), text);
                    flow = self.steps(steps, scope, &ends.input);
                }
                self.redirected(ends, scope, flow)
            }
            Step::Function { name, steps } => {
                if starts_itself(name, steps) {
                    self.found.bombs.push(name.clone());
                }
                scope.functions.push(name.clone());
                self.steps(steps, &mut scope.clone(), &Flow::Nothing);
                Flow::Nothing
            }
        }
    }

    fn simple(&mut self, simple: &Simple, scope: &mut Scope, input: Flow) -> Flow {
        let mut own = scope.clone();
        for (variable, value) in &simple.assignments {
            let value = self.joined(value, scope);
            own.variables.insert(variable.clone(), value);
        }
        let words: Vec<Argument> = simple.words.iter().flat_map(|word| self.word(word, &own, Blanks::Part)).collect();
        let ends = self.ends(&simple.redirections, &own, input);
        if words.is_empty() {
            scope.variables = own.variables;
            return self.redirected(ends, scope, Flow::Nothing);
        }
        let writes = ends.writes.clone();
        let directory = scope.directory.clone();
        // A change of directory or variables that the command makes holds for what follows; variables before it do not.
        let mut after = own.clone();
        let flow = self.run(words, &mut after, &ends);
        for (variable, value) in after.variables {
            if own.variables.get(&variable) != Some(&value) {
                scope.variables.insert(variable, value);
            }
        }
        (scope.directory, scope.unmarked) = (after.directory, after.unmarked);
        self.written(&writes, directory.as_deref(), &flow);
        if writes.is_empty() { flow } else { Flow::Nothing }
    }

    fn redirected(&mut self, ends: Ends, scope: &Scope, flow: Flow) -> Flow {
        if ends.reads.is_empty() && ends.writes.is_empty() {
            return flow;
        }
        self.written(&ends.writes, scope.directory.as_deref(), &flow);
        let call = Call { directory: scope.directory.clone(), reads: ends.reads, writes: ends.writes.clone(), ..Call::default() };
        self.push(call);
        if ends.writes.is_empty() { flow } else { Flow::Nothing }
    }

    fn written(&mut self, files: &[Argument], directory: Option<&str>, flow: &Flow) {
        for file in files {
            match flow {
                Flow::Known(text) => self.files.entry(at(directory, &file.text)).or_default().push_str(text),
                Flow::Nothing | Flow::Hidden => {}
            }
        }
    }

    fn push(&mut self, call: Call) {
        if self.found.calls.len() < MOST_CALLS {
            self.found.calls.push(call);
        } else if self.found.hidden.is_empty() {
            self.found.hidden.push(format!("it starts more than {MOST_CALLS} programs"));
        }
    }

    fn ends(&mut self, redirections: &[Redirection], scope: &Scope, input: Flow) -> Ends {
        let mut ends = Ends { input, ..Ends::default() };
        for redirection in redirections {
            match redirection {
                Redirection::Read(word) => {
                    ends.input = if let [Piece::Stream(steps)] = word.0.as_slice() {
                        self.steps(steps, &mut scope.clone(), &Flow::Nothing)
                    } else {
                        let files = self.word(word, scope, Blanks::Stay);
                        let known = files.first().and_then(|file| self.files.get(&at(scope.directory.as_deref(), &file.text)));
                        let flow = known.map_or(Flow::Hidden, |text| Flow::Known(text.clone()));
                        ends.reads.extend(files);
                        flow
                    };
                }
                Redirection::Write(word) => ends.writes.extend(self.word(word, scope, Blanks::Stay)),
                Redirection::Text(word) => {
                    let text = self.joined(word, scope);
                    ends.input =
                        if text.contains(UNKNOWN) && text.chars().count() == 1 { Flow::Hidden } else { Flow::Known(text) };
                }
            }
        }
        ends
    }

    fn joined(&mut self, word: &Word, scope: &Scope) -> String {
        self.word(word, scope, Blanks::Stay).into_iter().map(|argument| argument.text).collect()
    }

    /// The arguments that a word becomes; `blanks` says whether those in values part them.
    fn word(&mut self, word: &Word, scope: &Scope, blanks: Blanks) -> Vec<Argument> {
        let mut all: Vec<Argument> = Vec::new();
        let mut open = false;
        for piece in &word.0 {
            let (text, pattern, splits) = match piece {
                Piece::Text(text) => (text.clone(), false, false),
                Piece::Pattern(text) => (text.clone(), true, false),
                Piece::Unknown => (UNKNOWN.to_string(), false, false),
                Piece::Variable { name, default, part, quoted } => {
                    let value = self.value(name, scope);
                    let value = match (value, default) {
                        (Some(value), _) if !value.is_empty() => Some(value),
                        (_, Some(default)) => Some(self.joined(default, scope)),
                        (value, None) => value,
                    };
                    let value = value.map(|value| match part {
                        Some((from, count)) => substring(&value, *from, *count),
                        None => value,
                    });
                    let text = value.unwrap_or_else(|| UNKNOWN.to_string());
                    (text.clone(), !quoted && text.contains(['*', '?']), !quoted)
                }
                Piece::Output { steps, quoted } => match self.steps(steps, &mut scope.clone(), &Flow::Nothing) {
                    Flow::Known(text) => (text.trim_end_matches('\n').to_owned(), false, !quoted),
                    Flow::Nothing | Flow::Hidden => (UNKNOWN.to_string(), false, false),
                },
                Piece::Stream(steps) => {
                    let flow = self.steps(steps, &mut scope.clone(), &Flow::Nothing);
                    let file = format!("/dev/fd/{UNKNOWN}{}", self.files.len());
                    if let Flow::Known(text) = flow {
                        self.files.insert(file.clone(), text);
                    }
                    (file, false, false)
                }
            };
            if splits && blanks == Blanks::Part {
                let mut parts = text.split([' ', '\t', '\n']);
                let first = parts.next().unwrap_or_default();
                append(&mut all, &mut open, Argument { text: first.to_owned(), pattern });
                for part in parts {
                    open = false;
                    if !part.is_empty() {
                        append(&mut all, &mut open, Argument { text: part.to_owned(), pattern });
                    }
                }
                if first.is_empty() && all.last().is_some_and(|last| last.text.is_empty()) && all.len() == 1 && word.0.len() == 1
                {
                    all.pop();
                }
            } else {
                append(&mut all, &mut open, Argument { text, pattern });
            }
        }
        all
    }

    fn value(&self, name: &str, scope: &Scope) -> Option<String> {
        if let Some(value) = scope.variables.get(name) {
            return Some(value.clone());
        }
        match name {
            "PWD" => scope.directory.clone(),
            "IFS" => Some(" ".to_owned()),
            _ if KNOWN_VARIABLES.contains(&name) => (self.variable)(name),
            _ => None,
        }
    }

    /// Starts a program; gives what it prints.
    fn run(&mut self, words: Vec<Argument>, scope: &mut Scope, ends: &Ends) -> Flow {
        let Some(first) = words.first() else { return Flow::Nothing };
        let program = if first.is_known() { name(&first.text).to_owned() } else { String::new() };
        let call = Call {
            words,
            directory: scope.directory.clone(),
            reads: ends.reads.clone(),
            writes: ends.writes.clone(),
            input: ends.input.clone(),
            unmarked: scope.unmarked,
        };
        self.push(call.clone());
        self.depth += 1;
        let flow = if self.depth > DEEPEST {
            self.found.hidden.push("commands lie in each other too deeply".to_owned());
            Flow::Hidden
        } else {
            self.follow(&program, &call, scope, ends)
        };
        self.depth -= 1;
        flow
    }

    /// What a program that is known to start others, or to change what holds, does.
    fn follow(&mut self, program: &str, call: &Call, scope: &mut Scope, ends: &Ends) -> Flow {
        let arguments = call.arguments();
        if scope.functions.iter().any(|function| function == program) {
            // A function may carry out what it is given.
            self.inner(arguments.to_vec(), scope, ends);
            return Flow::Hidden;
        }
        match program {
            "cd" | "pushd" => {
                let target = call.operands(&[]).next().map_or_else(|| self.value("HOME", scope), |to| Some(to.text.clone()));
                scope.directory =
                    target.filter(|to| to != "-" && !to.contains(UNKNOWN)).map(|to| at(scope.directory.as_deref(), &to));
                Flow::Nothing
            }
            "export" | "declare" | "local" | "readonly" | "typeset" => {
                for argument in arguments {
                    if let Some((variable, value)) = argument.text.split_once('=') {
                        scope.variables.insert(variable.to_owned(), value.to_owned());
                    }
                    scope.unmarked |= MARKS.iter().any(|mark| argument.text == format!("{mark}="));
                }
                Flow::Nothing
            }
            "unset" => {
                for argument in arguments {
                    scope.variables.remove(&argument.text);
                    scope.unmarked |= MARKS.contains(&argument.text.as_str());
                }
                Flow::Nothing
            }
            "set" => {
                let rest = arguments.iter().skip_while(|argument| argument.text != "--").skip(1).cloned().collect();
                self.inner(rest, scope, ends);
                Flow::Nothing
            }
            "eval" => {
                let text = arguments.iter().map(|argument| argument.text.as_str()).collect::<Vec<_>>().join(" ");
                self.text(&text, scope, &ends.input, "eval")
            }
            "trap" | "alias" => {
                for argument in arguments.iter().take(if program == "trap" { 1 } else { usize::MAX }) {
                    let text = if program == "trap" {
                        Some(argument.text.as_str())
                    } else {
                        argument.text.split_once('=').map(|it| it.1)
                    };
                    if let Some(text) = text.filter(|text| !text.is_empty() && *text != "-") {
                        self.text(text, &mut scope.clone(), &Flow::Nothing, program);
                    }
                }
                Flow::Nothing
            }
            "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "rbash" => self.shell(call, scope, ends),
            "source" | "." => self.file(call.operands(&[]).next(), scope, ends),
            "find" => {
                self.find(call, scope, ends);
                Flow::Hidden
            }
            "xargs" | "parallel" => {
                let mut inner: Vec<Argument> = call.words[program::inner(call).unwrap_or(call.words.len())..].to_vec();
                let known = match &ends.input {
                    Flow::Known(text) => {
                        text.split(['\0', ' ', '\t', '\n']).filter(|part| !part.is_empty()).map(Argument::of).collect()
                    }
                    Flow::Nothing | Flow::Hidden => vec![Argument::of(UNKNOWN)],
                };
                let place = call.values("-I").next().map(|place| place.text);
                match place {
                    Some(place) => {
                        let all = known.iter().map(|argument| argument.text.as_str()).collect::<Vec<_>>().join(" ");
                        for argument in &mut inner {
                            argument.text = argument.text.replace(&place, &all);
                        }
                    }
                    None => inner.extend(known),
                }
                self.inner(inner, scope, &Ends { input: Flow::Hidden, ..Ends::default() });
                Flow::Hidden
            }
            "git" => {
                for text in program::of_git(call) {
                    self.text(&text, &mut scope.clone(), &Flow::Nothing, "git");
                }
                if arguments.first().is_some_and(|first| first.text == "rev-parse")
                    && arguments.iter().any(|argument| argument.text == "--show-toplevel")
                {
                    return self.value("CLAUDE_PROJECT_DIR", scope).map_or(Flow::Hidden, Flow::Known);
                }
                Flow::Hidden
            }
            "" if call.words.first().is_some_and(|first| first.text.starts_with("/dev/fd/")) => Flow::Hidden,
            _ => self.other(program, call, scope, ends),
        }
    }

    fn other(&mut self, program: &str, call: &Call, scope: &mut Scope, ends: &Ends) -> Flow {
        if let Some(text) = code::given(program, call) {
            let literals = code::literals(&text);
            if code::starts_programs(&text) {
                for literal in &literals {
                    if let Ok(steps) = (self.read)(literal) {
                        self.steps(&steps, &mut scope.clone(), &Flow::Nothing);
                    }
                }
            }
            let mut words = vec![Argument::of(code::PROGRAM), Argument::of(code::effect(&text))];
            words.extend(literals.into_iter().map(Argument::of));
            self.push(Call { words, directory: scope.directory.clone(), unmarked: scope.unmarked, ..Call::default() });
            return Flow::Hidden;
        }
        if let Some(text) = program::text_option(program, call) {
            return self.text(&text, &mut scope.clone(), &Flow::Nothing, program);
        }
        if let Some(from) = program::inner(call) {
            let mut inner = scope.clone();
            if program == "env" {
                let emptied = call.has('i', "--ignore-environment") || call.words.iter().any(|word| word.text == "-");
                inner.unmarked |=
                    emptied || call.values("-u").chain(call.values("--unset")).any(|name| MARKS.contains(&name.text.as_str()));
                for word in call.words[..from].iter().skip(1) {
                    if let Some((variable, value)) = word.text.split_once('=').filter(|_| !word.text.starts_with('-')) {
                        inner.variables.insert(variable.to_owned(), value.to_owned());
                        inner.unmarked |= value.is_empty() && MARKS.contains(&variable);
                    }
                }
                if let Some(directory) = call.values("-C").chain(call.values("--chdir")).next() {
                    inner.directory = Some(at(scope.directory.as_deref(), &directory.text));
                }
            }
            return self.run(call.words[from..].to_vec(), &mut inner, &Ends { input: ends.input.clone(), ..Ends::default() });
        }
        if let Some(script) = call.words.first().filter(|first| first.text.contains('/'))
            && let Some(text) = self.files.get(&at(scope.directory.as_deref(), &script.text)).cloned()
        {
            return self.text(&text, &mut scope.clone(), &ends.input, &script.text);
        }
        match program::printed(program, call) {
            // What tee prints also goes into its files.
            Flow::Known(text) if program == "tee" => {
                let files: Vec<Argument> = call.operands(&[]).cloned().collect();
                self.written(&files, scope.directory.as_deref(), &Flow::Known(text.clone()));
                Flow::Known(text)
            }
            Flow::Nothing if program == "pwd" => scope.directory.clone().map_or(Flow::Hidden, Flow::Known),
            flow => flow,
        }
    }

    fn inner(&mut self, words: Vec<Argument>, scope: &Scope, ends: &Ends) {
        if !words.is_empty() {
            self.run(words, &mut scope.clone(), &Ends { input: ends.input.clone(), ..Ends::default() });
        }
    }

    /// Carries out a text.
    fn text(&mut self, text: &str, scope: &mut Scope, input: &Flow, by: &str) -> Flow {
        if self.depth >= DEEPEST {
            self.found.hidden.push("commands lie in each other too deeply".to_owned());
            return Flow::Hidden;
        }
        if text.trim().chars().all(|character| character == UNKNOWN || character == ' ') && text.contains(UNKNOWN) {
            self.found.hidden.push(format!("`{by}` carries out a text that cannot be known before it runs"));
            return Flow::Hidden;
        }
        match (self.read)(text) {
            Ok(steps) => {
                self.depth += 1;
                let flow = self.steps(&steps, scope, input);
                self.depth -= 1;
                flow
            }
            Err(why) => {
                self.found.hidden.push(format!("`{by}` carries out a text that cannot be read: {why}"));
                Flow::Hidden
            }
        }
    }

    fn shell(&mut self, call: &Call, scope: &Scope, ends: &Ends) -> Flow {
        let program = call.program().to_owned();
        let mut words = call.arguments().iter();
        let mut text_follows = false;
        let mut operand = None;
        while let Some(word) = words.next() {
            let option = word.text.starts_with(['-', '+']) && word.text.len() > 1;
            if !option {
                operand = Some(word);
                break;
            }
            text_follows |= word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('c');
            if matches!(word.text.as_str(), "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file") {
                words.next();
            }
            if word.text == "-s" {
                break;
            }
        }
        match operand {
            Some(text) if text_follows => self.text(&text.text, &mut scope.clone(), &ends.input, &program),
            Some(file) if file.text != "-" => self.file(Some(file), &mut scope.clone(), ends),
            Some(_) | None => match &ends.input {
                Flow::Known(text) => self.text(text, &mut scope.clone(), &Flow::Nothing, &program),
                Flow::Hidden => {
                    self.found
                        .hidden
                        .push(format!("`{program}` carries out what it is sent, which cannot be known before it runs"));
                    Flow::Hidden
                }
                Flow::Nothing => Flow::Hidden,
            },
        }
    }

    fn file(&mut self, file: Option<&Argument>, scope: &mut Scope, ends: &Ends) -> Flow {
        let Some(file) = file else { return Flow::Hidden };
        if matches!(file.text.as_str(), "/dev/stdin" | "/proc/self/fd/0" | "/dev/fd/0") {
            return match &ends.input {
                Flow::Known(text) => self.text(&text.clone(), scope, &Flow::Nothing, "a shell"),
                Flow::Hidden | Flow::Nothing => {
                    self.found
                        .hidden
                        .push("a shell carries out what it is sent, which cannot be known before it runs".to_owned());
                    Flow::Hidden
                }
            };
        }
        match self.files.get(&at(scope.directory.as_deref(), &file.text)).or_else(|| self.files.get(&file.text)).cloned() {
            Some(text) => self.text(&text, scope, &ends.input, &file.text),
            None if file.text.starts_with("/dev/fd/") => {
                self.found.hidden.push("a shell carries out what another command prints".to_owned());
                Flow::Hidden
            }
            None => Flow::Hidden,
        }
    }

    /// `find … -exec`: the command runs for what is found, which lies below where the search begins.
    fn find(&mut self, call: &Call, scope: &Scope, ends: &Ends) {
        let words = call.arguments();
        let starts: Vec<Argument> = program::starts_of_find(call);
        let chosen = words.iter().any(|word| program::TESTS_OF_FIND.contains(&word.text.as_str()));
        let mut at = 0;
        while at < words.len() {
            if matches!(words[at].text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
                let end = words[at..]
                    .iter()
                    .position(|word| matches!(word.text.as_str(), ";" | "+"))
                    .map_or(words.len(), |end| at + end);
                for start in &starts {
                    let found =
                        if chosen { format!("{}/{UNKNOWN}", start.text.trim_end_matches('/')) } else { start.text.clone() };
                    let inner =
                        words[at + 1..end].iter().map(|word| Argument { text: word.text.replace("{}", &found), ..word.clone() });
                    self.inner(inner.collect(), scope, ends);
                }
                at = end;
            }
            at += 1;
        }
    }
}

fn append(all: &mut Vec<Argument>, open: &mut bool, more: Argument) {
    match all.last_mut().filter(|_| *open) {
        Some(last) => {
            last.text.push_str(&more.text);
            last.pattern |= more.pattern;
        }
        None => all.push(more),
    }
    *open = true;
}

/// `path` as it is meant in `directory`; a directory that cannot be known is [`UNKNOWN`].
#[must_use]
pub fn at(directory: Option<&str>, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    if let Some(rest) = path.strip_prefix('~')
        && let Some(home) =
            rest.split('/').next().filter(|user| !user.is_empty() && user.chars().all(|c| c.is_ascii_alphanumeric()))
    {
        let rest = &rest[home.len()..];
        return if home == "root" { format!("/root{rest}") } else { format!("/home/{home}{rest}") };
    }
    let unknown = UNKNOWN.to_string();
    format!("{}/{path}", directory.unwrap_or(&unknown).trim_end_matches('/'))
}

fn substring(value: &str, from: i64, count: Option<i64>) -> String {
    let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    let start = if from < 0 { (length + from).max(0) } else { from.min(length) };
    let end = match count {
        Some(count) if count < 0 => (length + count).max(start),
        Some(count) => (start + count).min(length),
        None => length,
    };
    let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
    value.chars().skip(start).take(end.saturating_sub(start)).collect()
}

/// Whether a function pipes itself into itself, which ends when the machine does.
fn starts_itself(name: &str, steps: &[Step]) -> bool {
    let calls =
        |step: &Step| matches!(step, Step::Simple(simple) if simple.words.first().is_some_and(|word| word == &Word::text(name)));
    steps.iter().any(|step| match step {
        Step::Pipeline(stages) => stages.iter().filter(|stage| calls(stage)).count() > 1,
        Step::Group { steps, .. } | Step::Loop { steps, .. } => starts_itself(name, steps),
        Step::Simple(_) | Step::Function { .. } => false,
    })
}
