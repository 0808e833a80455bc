//! Knowing processes again: by pid and start time, by the mark in their environment, by their group.
//!
//! Only Linux tells (`/proc`); elsewhere a process is known by its pid alone and leftovers are found by their group.

use std::{collections::BTreeSet, fs, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, WaitOptions},
};

use crate::{
    host::clock::Clock,
    model::{id::StepId, process::ProcessMark},
};

/// The variable that marks every process of a step.
pub const STEP_VARIABLE: &str = "AUTONOMY_STEP";

/// How long killed processes are waited for; only one that is stuck inside the kernel takes longer.
pub(crate) const KILLED: Duration = Duration::from_secs(2);

/// What `/proc/<pid>/stat` says about a process.
struct Stat {
    state: char,
    parent: u32,
    group: i32,
    session: i32,
    start: u64,
}

impl Stat {
    /// Whether the process is over, though it may keep its number until somebody takes its exit code.
    fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // The program's name stands in parentheses and may itself hold spaces and parentheses.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The mark of a process that runs now.
#[must_use]
pub fn mark_of(pid: u32) -> ProcessMark {
    ProcessMark { pid, start: stat(pid).map_or(0, |stat| stat.start), boot: boot() }
}

/// The mark of this process.
#[must_use]
pub fn own_mark() -> ProcessMark {
    mark_of(std::process::id())
}

/// Whether a process has this number and runs; one that ended and waits to be reaped does not.
#[must_use]
pub fn is_running(number: u32) -> bool {
    match stat(number) {
        Some(stat) => !stat.has_ended(),
        // Somebody else's process may not be signalled, and runs.
        None => pid(number).is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH)),
    }
}

/// Whether that very process still runs; one that ended and waits to be reaped does not.
#[must_use]
pub fn is_alive(mark: &ProcessMark) -> bool {
    if mark.start == 0 {
        return is_running(mark.pid);
    }
    mark.boot == boot() && stat(mark.pid).is_some_and(|stat| stat.start == mark.start && !stat.has_ended())
}

/// Every running process that carries the mark of `step`, but for this one and its ancestors.
#[must_use]
pub fn marked(step: &StepId) -> Vec<ProcessMark> {
    belonging(Some(step), None)
}

/// Ends every process that carries the mark of `step`: TERM, then KILL after `grace`. Says how many there were.
pub fn end_marked(step: &StepId, grace: Duration) -> usize {
    let found = marked(step).len();
    if found > 0 {
        end(Some(step), None, grace);
    }
    found
}

/// Asks every process of the step or group to end.
pub(crate) fn ask_to_end(step: Option<&StepId>, group: Pid) {
    rustix::process::kill_process_group(group, Signal::TERM).ok();
    // A stopped process would not see the request.
    rustix::process::kill_process_group(group, Signal::CONT).ok();
    if step.is_some() {
        for mark in belonging(step, None) {
            send(&mark, Signal::TERM);
            send(&mark, Signal::CONT);
        }
    }
}

/// Ends every process of the step or group by force, as often as needed because they may fork meanwhile.
pub(crate) fn kill(step: Option<&StepId>, group: Option<Pid>) {
    if let Some(group) = group {
        rustix::process::kill_process_group(group, Signal::KILL).ok();
    }
    for mark in belonging(step, group) {
        send(&mark, Signal::KILL);
    }
}

fn end(step: Option<&StepId>, group: Option<Pid>, grace: Duration) {
    for mark in belonging(step, group) {
        send(&mark, Signal::TERM);
        send(&mark, Signal::CONT);
    }
    let begun = Clock::instant();
    while !belonging(step, group).is_empty() && begun.elapsed() < grace + KILLED {
        if begun.elapsed() >= grace {
            kill(step, group);
        }
        Clock::sleep(Duration::from_millis(10));
    }
}

/// Every running process that carries the mark of `step` or is in `group`, but for this one and its ancestors.
pub(crate) fn belonging(step: Option<&StepId>, group: Option<Pid>) -> Vec<ProcessMark> {
    let needle = step.map(|step| format!("{STEP_VARIABLE}={step}").into_bytes());
    let kin = ancestors();
    let boot = boot();
    let mut found = Vec::new();
    for pid in pids() {
        let Some(stat) = stat(pid) else { continue };
        if stat.has_ended() || kin.contains(&pid) {
            continue;
        }
        let in_group = group.is_some_and(|group| group.as_raw_nonzero().get() == stat.group);
        let is_marked = || {
            needle.as_ref().is_some_and(|needle| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|&byte| byte == 0).any(|variable| variable == needle)
            })
        };
        if in_group || is_marked() {
            found.push(ProcessMark { pid, start: stat.start, boot: boot.clone() });
        }
    }
    found
}

/// Takes the exit codes of processes that ended and came to us as subreaper, so that they do not stay as zombies.
pub(crate) fn reap_orphans(group: Pid) {
    while let Ok(Some(_)) = rustix::process::waitpgid(group, WaitOptions::NOHANG) {}
    let own = std::process::id();
    let Some(own_session) = stat(own).map(|stat| stat.session) else { return };
    for orphan in pids() {
        // What we start ourselves stays in our session: an ended child in another one is an orphan that left its group.
        if let Some(stat) = stat(orphan)
            && (stat.state, stat.parent) == ('Z', own)
            && stat.session != own_session
        {
            rustix::process::waitpid(pid(orphan), WaitOptions::NOHANG).ok();
        }
    }
}

fn ancestors() -> BTreeSet<u32> {
    let mut kin = BTreeSet::new();
    let mut next = std::process::id();
    while next > 1 && kin.insert(next) {
        next = stat(next).map_or(0, |stat| stat.parent);
    }
    kin
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn pid(raw: u32) -> Option<Pid> {
    i32::try_from(raw).ok().and_then(Pid::from_raw)
}

/// Signals that very process: the descriptor pins it, the mark is compared after it was opened.
fn send(mark: &ProcessMark, signal: Signal) {
    let Some(pid) = pid(mark.pid) else { return };
    if let Ok(descriptor) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        if is_alive(mark) {
            rustix::process::pidfd_send_signal(descriptor, signal).ok();
        }
    } else if is_alive(mark) {
        rustix::process::kill_process(pid, signal).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_and_boot_and_not_by_its_number() {
        let own = own_mark();
        assert!(is_alive(&own));
        assert!(!is_alive(&ProcessMark { start: own.start + 1, ..own.clone() }));
        assert!(!is_alive(&ProcessMark { boot: "another".into(), ..own }));
    }
}
