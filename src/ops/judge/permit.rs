//! A tool that an agent's client is about to use: the guard's ruling, and where only a person can say yes, what one has said or
//! the question that it becomes.
//!
//! A yes holds for exactly that call, for as long as the session lives. What is let through leaves no trace.

use crate::{
    host::{
        Result,
        store::ledger::{self, Target},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        guard::{Finding, Rule, Verdict},
        holdings::current_task,
        id::{Digest, QuestionId, TaskId},
        question::{Choice, Urgency},
        quote,
    },
    ops::judge::{
        ask,
        guard::{self, Request},
    },
};

/// The answer of a person that lets a call pass.
const YES: &str = "yes";

/// The most characters of a call in the title of a question.
const MAX_TITLE: usize = 120;

/// The most characters of a call in what one has to know to answer.
const MAX_CALL: usize = 4_000;

/// The most characters of a ruling that are kept in the log.
const MAX_WHY: usize = 500;

/// Whether somebody can be asked while the client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// A person sits at the client, which asks by itself.
    Attended,
    /// Nobody does.
    Unattended,
    /// Nobody does, and the agent is one of a run, whose task waits for the answer.
    AtWork,
}

/// Whether the tool may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Nothing speaks against it; the client's own rules decide.
    Free,
    /// A person has said yes to this call.
    Granted(QuestionId),
    /// It may not be; why, and what to do instead.
    Denied(String),
    /// The person at the client is to be asked; why.
    Asked(String),
    /// It waits for the answer to a question; why.
    PutOff(String, QuestionId),
}

/// Rules on a tool that a client is about to use. What is ruled holds although it cannot be written down.
///
/// # Errors
/// Never because of the ruling.
pub fn permit(workspace: &Workspace, request: &Request, attendance: Attendance) -> Result<Permit> {
    let ruling = guard::tool(workspace, request)?;
    let Some(strictest) = ruling.findings.first() else { return Ok(Permit::Free) };
    let words = ruling.words();
    let call = call(request);
    if ruling.verdict == Verdict::Deny {
        return Ok(Permit::Denied(noted(words, write_down(workspace, held(request, call, strictest, None)))));
    }
    // A log that cannot be read has nobody's yes.
    if let Ok(Some((question, answer))) = said(workspace, &call) {
        return Ok(if answer.eq_ignore_ascii_case(YES) {
            Permit::Granted(question)
        } else {
            Permit::Denied(format!("{words}\nA person was asked and said: {}", quote::line(&answer, MAX_WHY)))
        });
    }
    if attendance == Attendance::Attended {
        return Ok(Permit::Asked(noted(words, write_down(workspace, held(request, call, strictest, None)))));
    }
    Ok(match put(workspace, request, call, strictest, &words, attendance) {
        Ok(question) => Permit::PutOff(words, question),
        Err(error) => Permit::Denied(format!("{words}\nNobody can be asked: {}", error.refusal().message)),
    })
}

/// Rules on a tool for which the client would ask somebody. What speaks against it is as in [`permit`], and was written down then;
/// what only the client's own rules leave to a person waits for one where nobody is there, as long as a session keeps the question.
///
/// # Errors
/// Never because of the ruling.
pub fn request(workspace: &Workspace, request: &Request, attendance: Attendance) -> Result<Permit> {
    let ruling = guard::tool(workspace, request)?;
    if ruling.verdict == Verdict::Deny {
        return Ok(Permit::Denied(ruling.words()));
    }
    let call = call(request);
    match said(workspace, &call) {
        Ok(Some((question, answer))) if answer.eq_ignore_ascii_case(YES) => return Ok(Permit::Granted(question)),
        Ok(Some((_, answer))) => {
            return Ok(Permit::Denied(format!("A person was asked and said: {}", quote::line(&answer, MAX_WHY))));
        }
        Ok(None) | Err(_) => {}
    }
    if attendance == Attendance::Attended || workspace.belongs_to()?.is_none() {
        return Ok(Permit::Free);
    }
    let words = match ruling.findings.first() {
        Some(_) => ruling.words(),
        None => "The rules of the client leave this to a person.".to_owned(),
    };
    let finding = ruling.findings.into_iter().next().unwrap_or_else(|| Finding::ask(Rule::Client, words.as_str(), ""));
    Ok(match put(workspace, request, call, &finding, &words, attendance) {
        Ok(question) => Permit::PutOff(words, question),
        Err(error) => Permit::Denied(format!("{words}\nNobody can be asked: {}", error.refusal().message)),
    })
}

/// Puts the question to a person that the call becomes.
fn put(
    workspace: &Workspace,
    request: &Request,
    call: Digest,
    finding: &Finding,
    words: &str,
    attendance: Attendance,
) -> Result<QuestionId> {
    let mut transaction = Transaction::open(workspace)?;
    let task = if attendance == Attendance::AtWork { current_task(transaction.state()).cloned() } else { None };
    let asked = ask::ask_in(&mut transaction, &question(request, &call, words, task.as_ref()))?;
    transaction.append_facts(&[held(request, call, finding, Some(asked.question.clone()))])?;
    Ok(asked.question)
}

/// The words, with what became of writing them down when that failed.
fn noted(words: String, written: Result<()>) -> String {
    match written {
        Ok(()) => words,
        Err(error) => format!("{words}\n(This could not be written down: {})", error.refusal().message),
    }
}

/// What tells this call from every other.
fn call(request: &Request) -> Digest {
    Digest::of(format!("{}\n{}\n{}", request.tool, request.cwd.as_deref().unwrap_or_default(), request.input))
}

fn held(request: &Request, call: Digest, finding: &Finding, question: Option<QuestionId>) -> Fact {
    Fact::ToolHeld {
        tool: quote::line(&request.tool, 100),
        call,
        verdict: finding.verdict,
        rule: finding.rule,
        why: quote::line(&finding.reason, MAX_WHY),
        question,
    }
}

/// In the log of the session, else in the clone's own.
fn write_down(workspace: &Workspace, fact: Fact) -> Result<()> {
    let target = workspace.belongs_to().ok().flatten().map_or(Target::Clone, Target::Session);
    Transaction::unsettled(workspace, target)?.append_facts(&[fact])
}

/// What a person has last said to this call: the log alone tells, because anybody can write a record.
fn said(workspace: &Workspace, call: &Digest) -> Result<Option<(QuestionId, String)>> {
    let session = workspace.belongs_to()?.map(Target::Session);
    let mut events = Vec::new();
    for target in session.into_iter().chain([Target::Clone]) {
        events.extend(ledger::events(workspace, &target)?);
    }
    let about = |fact: &Fact| match fact {
        Fact::ToolHeld { call: held, question: Some(question), .. } if held == call => Some(question.clone()),
        _ => None,
    };
    let questions: Vec<QuestionId> = events.iter().filter_map(|event| about(&event.fact)).collect();
    let said = events.iter().filter_map(|event| event.said(None)).filter(|(question, _)| questions.contains(question));
    Ok(said
        .map(|(question, said)| (question, said.answer))
        .max_by_key(|(_, answer)| answer.at)
        .map(|(it, answer)| (it, answer.text)))
}

fn question(request: &Request, call: &Digest, words: &str, task: Option<&TaskId>) -> ask::Request {
    let text = ["command", "file_path", "notebook_path", "path"].iter().find_map(|key| request.input.get(key)?.as_str());
    let whole = text.map_or_else(|| request.input.to_string(), str::to_owned);
    let tool = quote::line(&request.tool, 40);
    let choice = |name: &str, consequence: &str| Choice { name: name.to_owned(), consequence: Some(consequence.to_owned()) };
    let shown = quote::line(&whole, MAX_TITLE);
    ask::Request {
        title: format!("May the agent use {tool}: {shown} ({})", call.head(8)),
        urgency: Urgency::P1,
        context: Some(format!("{words}\n\n{}", quote::framed("the call", &quote::head(&whole, MAX_CALL)))),
        options: vec![
            choice(YES, "exactly this call is let through for the rest of the session"),
            choice("no", "the agent is told that it may not"),
        ],
        blocks: task.map(ToString::to_string).into_iter().collect(),
        ..ask::Request::default()
    }
}
