//! One running program: a loop over its non-blocking pipes that looks at the clock and at the request to stop.

use std::{
    ffi::OsString,
    io::{ErrorKind, Read, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags},
    fs::OFlags,
    process::{Pid, WaitId, WaitIdOptions},
};

use crate::{
    host::{
        Error, Result,
        clock::Clock,
        process::{
            capture::{Keeper, Lines},
            marked,
            program::{Finished, Heard, Program, Stream},
        },
        secret,
    },
    model::{
        process::{Exit, ProcessMark},
        refusal::Refusal,
    },
};

/// How long pipes are read on after the last process that is known to hold them has ended.
const DRAIN: Duration = Duration::from_millis(500);

/// The longest wait before the limit and the request to stop are looked at again.
const TICK: Duration = Duration::from_millis(50);

/// Runs a program to its end and leaves none of its processes behind.
///
/// `hear` may fail, which ends the program and is handed on.
///
/// # Errors
/// Refuses a program or directory that is not there; fails when the system cannot start or watch it.
pub fn run(program: &Program<'_>, hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<Finished> {
    if program.step.is_some() {
        become_subreaper();
    }
    let mut running = Running::start(program)?;
    let heard = hear(Heard::Started(&running.mark)).and_then(|()| running.watch(hear));
    if heard.is_err() {
        running.abandon();
    }
    heard?;
    running.finish()
}

/// Descendants whose own parent ended come to this process and not to init, so that they can be found and reaped.
fn become_subreaper() {
    #[cfg(target_os = "linux")]
    {
        // Refused only by kernels before 3.4; then leftovers are found by their mark all the same.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    }
}

/// Why we ended it.
#[derive(Clone, Copy)]
enum Cut {
    TimedOut,
    Stopped,
}

enum Phase {
    Running,
    Ending { kill_at: Instant },
    Draining { until: Instant },
}

struct Tap<'a> {
    stream: Stream,
    pipe: Option<Box<dyn Pipe>>,
    redaction: Option<secret::Stream<'a>>,
    lines: Lines,
    keeper: Keeper,
}

trait Pipe: Read + AsFd {}
impl<T: Read + AsFd> Pipe for T {}

struct Running<'a> {
    program: &'a Program<'a>,
    child: Child,
    group: Pid,
    mark: ProcessMark,
    begun: Instant,
    cut: Option<Cut>,
    taps: [Tap<'a>; 2],
    stdin: Option<ChildStdin>,
    written: usize,
    leftovers: usize,
}

impl<'a> Running<'a> {
    fn start(program: &'a Program<'a>) -> Result<Self> {
        let words = program.invocation.argv();
        let Some((name, arguments)) = words.split_first() else {
            return Err(Refusal::usage("there is no program to run in an empty list of words").into());
        };
        let file = |ending: &str| program.output.as_ref().map(|path| path.with_added_extension(ending));
        let keepers = [Keeper::new(program.kept, file("out"))?, Keeper::new(program.kept, file("err"))?];
        let mut command = Command::new(name);
        command.args(arguments).current_dir(program.directory).env_clear().envs(program.variables.iter()).process_group(0);
        command.stdin(if program.input.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(step) = program.step {
            command.env(marked::STEP_VARIABLE, step.as_str());
        }
        let begun = Clock::instant();
        let mut child = command.spawn().map_err(|error| not_started(program, name, &error))?;
        let mark = marked::mark_of(child.id());
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("because the system gave this pid");
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let watched = |error| Error::while_doing("watch a program's output", error);
        let pipes = [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            let flags = rustix::fs::fcntl_getfl(pipe).map_err(watched)?;
            rustix::fs::fcntl_setfl(pipe, flags | OFlags::NONBLOCK).map_err(watched)?;
        }
        let [out, err] = keepers;
        let tap = |stream, pipe, keeper| Tap {
            stream,
            pipe,
            redaction: Some(program.secrets.stream()),
            lines: Lines::default(),
            keeper,
        };
        let taps = [
            tap(Stream::Out, stdout.map(|pipe| Box::new(pipe) as Box<dyn Pipe>), out),
            tap(Stream::Err, stderr.map(|pipe| Box::new(pipe) as Box<dyn Pipe>), err),
        ];
        Ok(Self { program, child, group, mark, begun, cut: None, taps, stdin, written: 0, leftovers: 0 })
    }

    fn watch(&mut self, hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<()> {
        let mut phase = Phase::Running;
        let mut next_beat = self.begun + self.program.beat;
        let mut nap = Duration::from_millis(1);
        loop {
            let now = Clock::instant();
            if now >= next_beat {
                next_beat = now + self.program.beat;
                hear(Heard::Beat)?;
            }
            phase = match phase {
                Phase::Running => self.running(now),
                Phase::Ending { kill_at } => self.ending(now, kill_at),
                Phase::Draining { until } => Phase::Draining { until },
            };
            let open = self.taps.iter().any(|tap| tap.pipe.is_some());
            if let Phase::Draining { until } = phase
                && (!open || now >= until)
            {
                break;
            }
            // With nothing left to read, a program that ends is noticed by looking again, soon at first.
            let wait = if open && matches!(phase, Phase::Running) { TICK } else { nap };
            nap = if open { Duration::from_millis(1) } else { (nap * 2).min(TICK) };
            self.move_bytes(wait, hear)?;
        }
        for tap in &mut self.taps {
            tap.finish(hear)?;
        }
        Ok(())
    }

    /// Looks whether it ended or has to be ended.
    fn running(&mut self, now: Instant) -> Phase {
        if self.has_ended() {
            let left = self.alive();
            if left.is_empty() {
                return Phase::Draining { until: now + DRAIN };
            }
            self.leftovers = left.len();
        } else if self.program.stop.is_told() {
            self.cut = Some(Cut::Stopped);
        } else if now >= self.begun + self.program.limit {
            self.cut = Some(Cut::TimedOut);
        } else {
            return Phase::Running;
        }
        marked::ask_to_end(self.program.step, self.group);
        Phase::Ending { kill_at: now + self.program.grace }
    }

    /// Waits for everything to end, by force when the grace is over.
    fn ending(&mut self, now: Instant, kill_at: Instant) -> Phase {
        if self.has_ended() && self.alive().is_empty() {
            return Phase::Draining { until: now + DRAIN };
        }
        if now >= kill_at + marked::KILLED {
            return Phase::Draining { until: now };
        }
        if now >= kill_at {
            marked::kill(self.program.step, Some(self.group));
        }
        Phase::Ending { kill_at }
    }

    /// Whether the program itself ended; it is not reaped yet, so that its pid and group stay its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(rustix::process::waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    fn alive(&self) -> Vec<ProcessMark> {
        marked::belonging(self.program.step, Some(self.group))
    }

    /// Waits for the pipes, at most `wait`, and moves what they hold.
    fn move_bytes(&mut self, wait: Duration, hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<()> {
        {
            let mut pipes: Vec<PollFd<'_>> = Vec::with_capacity(3);
            for tap in &self.taps {
                if let Some(pipe) = &tap.pipe {
                    pipes.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
                }
            }
            if let Some(stdin) = &self.stdin {
                pipes.push(PollFd::new(stdin, PollFlags::OUT));
            }
            let wait = wait.try_into().expect("because a tick fits");
            match rustix::event::poll(&mut pipes, Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::while_doing("wait for a program's output", error)),
            }
        }
        self.feed();
        for tap in &mut self.taps {
            tap.drain(hear)?;
        }
        Ok(())
    }

    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        match stdin.write(&self.program.input[self.written..]) {
            Ok(count) => self.written += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            // It does not want to read on, which is its own affair.
            Err(_) => self.written = self.program.input.len(),
        }
        if self.written == self.program.input.len() {
            self.stdin = None;
        }
    }

    /// Ends everything at once, because nobody can be told what happens any more.
    fn abandon(&mut self) {
        marked::kill(self.program.step, Some(self.group));
        self.child.wait().ok();
        marked::reap_orphans(self.group);
    }

    fn finish(mut self) -> Result<Finished> {
        // Only a process that is stuck inside the kernel has survived until here; it is left to itself.
        let ended = self.has_ended();
        let status = if ended { self.child.wait().ok() } else { None };
        marked::reap_orphans(self.group);
        let exit = match (self.cut, status) {
            (Some(Cut::TimedOut), _) => Exit::TimedOut,
            (Some(Cut::Stopped), _) => Exit::Stopped,
            (None, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or_default()),
            },
            (None, None) => Exit::Signal(0),
        };
        let [out, err] = self.taps;
        Ok(Finished {
            exit,
            lasted: self.begun.elapsed(),
            mark: self.mark,
            stdout: out.keeper.finish(out.lines.dropped)?,
            stderr: err.keeper.finish(err.lines.dropped)?,
            leftovers: self.leftovers,
        })
    }
}

impl Tap<'_> {
    /// Reads what is there, but not for ever: a flood must not keep us from looking at the clock.
    fn drain(&mut self, hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return Ok(()) };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    let clean = self.redaction.as_mut().map(|redaction| redaction.push(&buffer[..count])).unwrap_or_default();
                    self.hand_on(&clean, hear)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
        Ok(())
    }

    /// Hands on what was held back until the end.
    fn finish(&mut self, hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<()> {
        let rest = self.redaction.take().map(secret::Stream::finish).unwrap_or_default();
        self.hand_on(&rest, hear)?;
        let (stream, keeper) = (self.stream, &mut self.keeper);
        self.lines.finish(&mut |line| {
            keeper.keep(line)?;
            hear(Heard::Line(stream, line))
        })
    }

    fn hand_on(&mut self, clean: &[u8], hear: &mut dyn FnMut(Heard<'_>) -> Result<()>) -> Result<()> {
        let (stream, keeper) = (self.stream, &mut self.keeper);
        self.lines.push(clean, &mut |line| {
            keeper.keep(line)?;
            hear(Heard::Line(stream, line))
        })
    }
}

fn not_started(program: &Program<'_>, name: &OsString, error: &std::io::Error) -> Error {
    let shown = name.display();
    match error.kind() {
        ErrorKind::NotFound if !program.directory.is_dir() => {
            Refusal::environment(format!("cannot run `{shown}` in `{}`: there is no such directory", program.directory.display()))
                .into()
        }
        ErrorKind::NotFound => Error::from(Refusal::environment(format!("cannot run `{shown}`: no such program was found")))
            .hint(format!("install `{shown}`, or put its directory on PATH")),
        ErrorKind::PermissionDenied => Error::from(Refusal::environment(format!("cannot run `{shown}`: it may not be executed")))
            .hint(format!("chmod +x {shown}")),
        ErrorKind::ArgumentListTooLong => {
            Refusal::environment(format!("cannot run `{shown}`: its arguments are longer than the system takes")).into()
        }
        _ => Error::while_doing(format!("run `{shown}`"), error.to_string()),
    }
}
