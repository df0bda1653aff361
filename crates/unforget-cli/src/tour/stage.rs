//! Runs the processes, kills one, and notes what they acknowledge.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::actor::Said;
use super::broken;
use super::conversation::{Line, PARTS};
use crate::failure::Failure;

/// The part whose process is killed, and after how many acknowledged turns.
const VICTIM: usize = 1;
const KILLED_AFTER: usize = 12;

/// How many turns a process is told ahead, so that one is always under way, also when it is killed.
const AHEAD: usize = 3;

/// How often a process is told its next turn where somebody watches.
const PACE: Duration = Duration::from_millis(30);

/// How long nothing may happen before the tour gives up.
const SILENCE: Duration = Duration::from_mins(1);

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Played {
    /// Ids of turns, with the words they must have.
    pub(crate) turns: BTreeMap<String, &'static str>,
    pub(crate) context_updates: u64,
    pub(crate) busy: u64,
    pub(crate) restarted: u64,
}

/// Plays all parts at the same time.
pub(crate) fn play(directory: &Path, run: &str, shown: bool) -> Result<Played, Failure> {
    let (tell, heard) = channel::unbounded();
    let bars = Bars::new(shown);
    let mut actors = Vec::new();
    for part in 0..PARTS.len() {
        actors.push(Actor::start(part, directory, run, tell.clone(), bars.bar(part))?);
    }
    let stage = Stage { actors, heard, played: Played::default() };
    let pace = if bars.are_watched() { channel::tick(PACE) } else { channel::never() };
    stage.play(&pace, bars.are_watched())
}

/// What an actor's process printed; `None` when it ended. The number tells its processes apart.
type Heard = (usize, u64, Option<String>);

struct Stage {
    actors: Vec<Actor>,
    heard: Receiver<Heard>,
    played: Played,
}

impl Stage {
    fn play(mut self, pace: &Receiver<std::time::Instant>, paced: bool) -> Result<Played, Failure> {
        for actor in &mut self.actors {
            actor.prompt(if paced { 1 } else { AHEAD })?;
        }
        while self.actors.iter().any(|actor| !actor.is_done()) {
            channel::select! {
                recv(self.heard) -> heard => self.hear(heard.map_err(|_| broken("all processes are gone"))?, paced)?,
                recv(pace) -> _ => for actor in &mut self.actors {
                    actor.prompt(1)?;
                },
                default(SILENCE) => return Err(broken(format!("nothing happened for {SILENCE:?}"))),
            }
        }
        for actor in &mut self.actors {
            actor.finish()?;
        }
        Ok(self.played)
    }

    fn hear(&mut self, (part, process, text): Heard, paced: bool) -> Result<(), Failure> {
        let actor = &mut self.actors[part];
        if process != actor.process {
            // The last words of a process that was killed: still an acknowledgement.
            return text.map_or(Ok(()), |text| note(&mut self.played, actor, &text));
        }
        let Some(text) = text else {
            return Err(broken(format!("the process of {} ended early", PARTS[part].name)));
        };
        note(&mut self.played, actor, &text)?;
        if part == VICTIM && actor.acknowledged.len() == KILLED_AFTER && self.played.restarted == 0 {
            actor.prompt(AHEAD)?;
            actor.kill_and_restart()?;
            self.played.restarted += 1;
            return actor.prompt(AHEAD);
        }
        if paced { Ok(()) } else { actor.prompt(1) }
    }
}

fn note(played: &mut Played, actor: &mut Actor, text: &str) -> Result<(), Failure> {
    let said: Said = serde_json::from_str(text).map_err(|_| broken(format!("a process said {text:?}")))?;
    let (index, turn_id, counted) = match said {
        Said::Stored { index, turn_id } => (index, turn_id, 1),
        Said::Found { index, turn_id } => (index, turn_id, 0),
        Said::Busy { index } => {
            played.busy += 1;
            return actor.tell(index);
        }
    };
    let line =
        actor.lines.get(index).ok_or_else(|| broken("a process said a turn that is not in its part"))?;
    played.turns.insert(turn_id, line.words);
    played.context_updates += counted;
    actor.acknowledged.insert(index);
    actor.bar.set_position(actor.acknowledged.len() as u64);
    Ok(())
}

/// A part and the process that plays it.
struct Actor {
    part: usize,
    lines: Vec<Line>,
    command: Vec<OsString>,
    process: u64,
    child: Child,
    stdin: Option<ChildStdin>,
    tell: Sender<Heard>,
    acknowledged: BTreeSet<usize>,
    told: usize,
    bar: ProgressBar,
}

impl Actor {
    fn start(
        part: usize,
        directory: &Path,
        run: &str,
        tell: Sender<Heard>,
        bar: ProgressBar,
    ) -> Result<Self, Failure> {
        let directory =
            std::path::absolute(directory).map_err(|error| Failure::io("find", directory, &error))?;
        let number = part.to_string();
        let arguments = ["tour-actor", "--part", &number, "--run", run, "--directory"];
        let mut command: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        command.push(directory.into_os_string());
        let (child, stdin) = spawn(part, 0, &command, &tell)?;
        Ok(Self {
            part,
            lines: PARTS[part].lines(),
            command,
            process: 0,
            child,
            stdin,
            tell,
            acknowledged: BTreeSet::new(),
            told: 0,
            bar,
        })
    }

    fn is_done(&self) -> bool {
        self.acknowledged.len() == self.lines.len()
    }

    /// Tells the process its next turns.
    fn prompt(&mut self, turns: usize) -> Result<(), Failure> {
        for _ in 0..turns {
            if self.told < self.lines.len() {
                self.tell(self.told)?;
                self.told += 1;
            }
        }
        Ok(())
    }

    fn tell(&mut self, index: usize) -> Result<(), Failure> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let told = writeln!(stdin, "{index}").and_then(|()| stdin.flush());
        told.map_err(|error| broken(format!("{} does not listen: {error}", PARTS[self.part].name)))
    }

    /// SIGKILL: no destructor runs, no buffer is flushed, no lock is given back by the process.
    fn kill_and_restart(&mut self) -> Result<(), Failure> {
        let failed = |error| Failure::io("kill", Path::new(PARTS[self.part].name), &error);
        self.child.kill().map_err(failed)?;
        self.child.wait().map_err(failed)?;
        self.bar.set_message("killed, started again");
        self.process += 1;
        (self.child, self.stdin) = spawn(self.part, self.process, &self.command, &self.tell)?;
        self.told =
            (0..self.lines.len()).find(|index| !self.acknowledged.contains(index)).unwrap_or(self.told);
        Ok(())
    }

    /// Ends the conversation: the process shuts its store down and exits.
    fn finish(&mut self) -> Result<(), Failure> {
        self.stdin = None;
        let name = PARTS[self.part].name;
        let status = self.child.wait().map_err(|error| Failure::io("wait for", Path::new(name), &error))?;
        self.bar.finish();
        if status.success() {
            Ok(())
        } else {
            Err(broken(format!("the process of {name} ended with {status}")))
        }
    }
}

impl Drop for Actor {
    /// A tour that fails leaves no process behind.
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _it_may_have_been_waited_for = self.child.wait();
    }
}

fn spawn(
    part: usize,
    process: u64,
    command: &[OsString],
    tell: &Sender<Heard>,
) -> Result<(Child, Option<ChildStdin>), Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::io("find", Path::new("this program"), &error))?;
    let mut child = Command::new(&program)
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::io("start", &program, &error))?;
    let stdin = child.stdin.take();
    let stdout = child.stdout.take().ok_or_else(|| broken("a process has no output"))?;
    let tell = tell.clone();
    std::thread::spawn(move || {
        // Whoever listens may have given up; then there is nobody to tell.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _nobody_listens = tell.send((part, process, Some(line)));
        }
        let _nobody_listens = tell.send((part, process, None));
    });
    Ok((child, stdin))
}

/// A bar for each part, on a terminal.
struct Bars {
    all: Option<MultiProgress>,
}

impl Bars {
    fn new(shown: bool) -> Self {
        let all = MultiProgress::new();
        Self { all: (shown && !all.is_hidden()).then_some(all) }
    }

    fn are_watched(&self) -> bool {
        self.all.is_some()
    }

    fn bar(&self, part: usize) -> ProgressBar {
        let Some(all) = &self.all else { return ProgressBar::hidden() };
        let bar = all.add(ProgressBar::new(PARTS[part].lines().len() as u64).with_prefix(PARTS[part].name));
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:>7} [{bar:30}] {pos:>2}/{len} acknowledged  {msg}")
        {
            bar.set_style(style);
        }
        bar
    }
}
