//! The stage: plays the steps in order and knows what everybody said.

use std::sync::Arc;

use chatroom_protocol::Notice;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::blanks::Wanted;
use super::failure::Failure;
use super::{Options, Played};
use crate::actor::{Actor, GroupIds, Membership, REPEATED, Setting, Tape};
use crate::fault::Fault;
use crate::scenario::{Act, Action, ClientId, Scenario, Step};
use crate::target::{Log, Target};

/// What a step, or a part of it, was after when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aim {
    /// A connection.
    Connect,
    /// To be admitted.
    Admission { creates: bool },
    /// To be refused.
    Refusal(chatroom_protocol::Refusal),
    /// To write.
    Write,
    /// To read a line that is known.
    Line(String),
    /// To read a line that matches this.
    Match(String),
    /// To read nothing.
    Nothing,
    /// The end of the connection.
    Close,
    /// The end of the program.
    Exit,
    /// A line of the log.
    Log,
    /// The laws of a race.
    Race,
}

/// Why a step failed, at whom.
#[derive(Debug)]
pub(super) struct StepError {
    pub(super) client: Option<ClientId>,
    pub(super) aim: Aim,
    /// What was expected, in words.
    pub(super) expected: String,
    pub(super) fault: Fault,
}

impl StepError {
    pub(super) fn new(
        client: ClientId,
        aim: Aim,
        expected: impl Into<String>,
        fault: Fault,
    ) -> Box<Self> {
        Box::new(StepError { client: Some(client), aim, expected: expected.into(), fault })
    }
}

/// Boxed, because it is large and the way without it is the usual one.
pub(super) type StepResult<T = ()> = Result<T, Box<StepError>>;

/// Something that was said in a group.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) by: ClientId,
    /// The group's id on this server.
    pub(super) group: u32,
    /// The text without any name in front.
    pub(super) text: String,
    /// The line that everybody has to get.
    pub(super) line: String,
    /// Who was in the group then; empty where that is not known.
    pub(super) heard_by: Vec<ClientId>,
}

pub(super) struct Stage<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) actors: Vec<Actor>,
    pub(super) said: Vec<Said>,
    pub(super) options: &'s Options,
    pub(super) started: Instant,
    pub(super) ids: Arc<GroupIds>,
    /// What the bots did on the wire.
    pub(super) tape: Arc<Tape>,
    pub(super) log: Option<Log>,
    /// The first line of the log that no step has used.
    pub(super) log_next: usize,
    pub(super) log_start: usize,
    pub(super) log_checks_skipped: usize,
    /// What no line of the log may say, and the steps that say so.
    pub(super) forbidden: Vec<(&'s Step, Wanted)>,
    pub(super) target: &'s mut Target,
    steps: usize,
    pub(super) markers: u32,
    programs: usize,
}

impl<'s> Stage<'s> {
    pub(super) fn new(
        scenario: &'s Scenario,
        target: &'s mut Target,
        options: &'s Options,
    ) -> Self {
        let ids = if options.shared { GroupIds::shared() } else { GroupIds::fresh() };
        let ids = Arc::new(ids);
        let tape = Arc::new(Tape::default());
        let setting = Setting {
            addr: target.addr(),
            program: options.client_program.clone(),
            time_scale: options.time_scale,
            ids: Arc::clone(&ids),
            tape: Arc::clone(&tape),
        };
        let seeds = (0_u64..).map(|client| options.seed.wrapping_add(client));
        let cast = scenario.clients.iter().zip(seeds);
        let actors: Vec<Actor> =
            cast.map(|(spec, seed)| Actor::new(spec.clone(), &setting, seed)).collect();
        let log = target.log().filter(|_| options.check_log).cloned();
        let log_next = log.as_ref().map_or(0, Log::len);
        Stage {
            programs: actors.iter().filter(|actor| actor.would_be_program()).count(),
            scenario,
            actors,
            said: Vec::new(),
            options,
            started: Instant::now(),
            ids,
            tape,
            log,
            log_next,
            log_start: log_next,
            log_checks_skipped: 0,
            forbidden: Vec::new(),
            target,
            steps: 0,
            markers: 0,
        }
    }

    pub(super) async fn play(mut self) -> Played {
        let scenario = self.scenario;
        let mut failure = None;
        for act in &scenario.acts {
            if let Err((step, error)) = self.act(act).await {
                failure = Some(self.fail(act, step, error).await);
                break;
            }
        }
        if failure.is_none()
            && let Err((step, error)) = self.look_for_forbidden().await
        {
            let holds = |act: &&Act| act.steps.iter().any(|other| std::ptr::eq(other, step));
            if let Some(act) = scenario.acts.iter().find(holds) {
                failure = Some(self.fail(act, Some(step), error).await);
            }
        }
        if self.options.shared {
            self.part().await;
        }
        let transcripts = self.actors.iter();
        Played {
            transcripts: transcripts
                .map(|actor| (actor.key().to_owned(), actor.transcript.text()))
                .collect(),
            steps: self.steps,
            log_checks_skipped: self.log_checks_skipped,
            programs: self.programs,
            took: self.started.elapsed(),
            failure,
            first_group: self.ids.first(),
        }
    }

    /// Plays an act, as often as it says. A transcript shows the first time.
    async fn act(&mut self, act: &'s Act) -> Result<(), (Option<&'s Step>, Box<StepError>)> {
        let lengths = |stage: &Self| -> Vec<usize> {
            stage.actors.iter().map(|actor| actor.transcript.len()).collect()
        };
        let before = lengths(self);
        let mut once = Vec::new();
        for time in 1..=act.repeat {
            for step in &act.steps {
                self.step(step).await.map_err(|error| (Some(step), error))?;
                self.steps += 1;
            }
            match time {
                1 => once = lengths(self),
                _ => self.cut_transcripts(&once),
            }
        }
        if act.repeat > 1 {
            let grown = before.iter().zip(&once).map(|(before, once)| once > before);
            for (actor, _) in self.actors.iter_mut().zip(grown).filter(|(_, grown)| *grown) {
                actor.show(REPEATED);
            }
        }
        self.end_act().await.map_err(|error| (None, error))
    }

    fn cut_transcripts(&mut self, lengths: &[usize]) {
        for (actor, length) in self.actors.iter_mut().zip(lengths) {
            actor.transcript.truncate(*length);
        }
    }

    /// On a server that serves on, everybody leaves and waits to be let go, so that the names are
    /// free for the next scenario.
    async fn part(&mut self) {
        join_all(self.actors.iter_mut().map(Actor::part)).await;
    }

    async fn fail(
        &mut self,
        act: &Act,
        step: Option<&Step>,
        error: Box<StepError>,
    ) -> Box<Failure> {
        for actor in &mut self.actors {
            actor.gather_unread().await;
        }
        let server_ended = self.target.ended();
        let log = self.target.log().map(Log::tail).unwrap_or_default();
        Box::new(Failure::new(self, act, step, error, server_ended, log))
    }

    pub(super) fn deadline(&self, step: Option<&Step>) -> Instant {
        let within = step.and_then(|step| step.within).unwrap_or(self.scenario.deadline);
        Instant::now() + within.mul_f64(self.options.time_scale)
    }

    pub(super) fn key(&self, client: ClientId) -> &str {
        self.actors[client].key()
    }

    pub(super) fn member(&self, client: ClientId) -> Option<&Membership> {
        self.actors[client].membership.as_ref()
    }

    async fn step(&mut self, step: &'s Step) -> StepResult {
        let deadline = self.deadline(Some(step));
        match &step.action {
            Action::Connect { who } => {
                for client in who {
                    self.connect(*client, deadline).await?;
                }
                Ok(())
            }
            Action::Login { who, admission, seen_by } => {
                for client in who {
                    self.login(*client, admission, deadline).await?;
                    if let Some(member) = self.member(*client).cloned() {
                        let line = Notice::Arrived(&member.name).to_string();
                        // The newcomer has read it while it logged in.
                        let audience = self.audience(seen_by, *client, member.group, false);
                        self.all_read(&audience, &line, deadline).await?;
                    }
                }
                Ok(())
            }
            Action::Send { who, .. } => {
                for client in who {
                    self.send(*client, &step.action, deadline).await?;
                }
                Ok(())
            }
            Action::Receive { who, .. } => {
                for client in who {
                    self.receive(*client, &step.action, deadline).await?;
                }
                Ok(())
            }
            Action::Leave { who, how, seen_by } => {
                for client in who {
                    self.leave(*client, *how, seen_by, deadline).await?;
                }
                Ok(())
            }
            Action::Closed { who } => {
                for client in who {
                    let closed = self.actors[*client].wait_for_close(deadline).await;
                    let expected = "the server to close the connection";
                    closed.map_err(|fault| StepError::new(*client, Aim::Close, expected, fault))?;
                }
                Ok(())
            }
            Action::Exit { who, status } => {
                for client in who {
                    self.exit(*client, *status, deadline).await?;
                }
                Ok(())
            }
            Action::StopReading { who } => {
                who.iter().for_each(|client| self.actors[*client].stop_reading());
                Ok(())
            }
            Action::Race { parts } => self.race(parts, deadline).await,
            Action::Fence { who, nothing_for } => self.fence(*who, nothing_for, deadline).await,
            Action::Log { pattern, absent: false } => self.look_into_log(pattern, deadline).await,
            Action::Log { pattern, absent: true } => self.forbid_in_log(pattern, step),
        }
    }

    /// Who is in a group and reads.
    pub(super) fn members_of(&self, group: u32) -> Vec<ClientId> {
        (0..self.actors.len()).filter(|client| self.actors[*client].hears(group)).collect()
    }
}
