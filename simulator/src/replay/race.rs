//! Races: several clients act at the same time, and laws hold over what everybody saw.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::laws::{self, Deeds, Watched};
use super::stage::{Aim, Said, Stage, StepError, StepResult};
use crate::actor::{Actor, Answers, LoginEnd, REPEATED, Seen, Typing};
use crate::fault::{Breach, Fault, quoted};
use crate::scenario::{ClientId, RaceMove, Writing};
use chatroom_protocol::Notice;

/// Somebody in a race.
struct Runner {
    client: ClientId,
    moves: Vec<Move>,
    /// Whether it was a member before.
    from_start: bool,
}

/// What a runner does, ready to be done.
enum Move {
    Login(Answers),
    Type(Typing),
}

impl Stage<'_> {
    pub(super) async fn race(
        &mut self,
        parts: &[(ClientId, Vec<RaceMove>)],
        deadline: Instant,
    ) -> StepResult {
        let mut runners = Vec::new();
        for (client, moves) in parts {
            runners.push(self.runner(*client, moves)?);
        }
        let newcomers: BTreeSet<ClientId> = runners
            .iter()
            .filter(|runner| !runner.from_start)
            .map(|runner| runner.client)
            .collect();
        self.run_together(&runners, deadline).await?;
        let said = self.note_said(&runners);
        let groups: BTreeSet<u32> = runners
            .iter()
            .filter_map(|runner| self.member(runner.client).map(|member| member.group))
            .collect();
        for group in groups {
            let watched = self.watch(group, &said, &newcomers, deadline).await?;
            let deeds = self.deeds(group, &said, &newcomers);
            if let Err((client, breach)) = laws::check(&watched, &deeds) {
                let breach = self.lost_or_late(client, breach).await;
                let expected = "each message exactly once, and in one order for all";
                return Err(StepError::new(client, Aim::Race, expected, Fault::Law(breach)));
            }
            self.show_sorted(watched);
        }
        Ok(())
    }

    fn runner(&self, client: ClientId, moves: &[RaceMove]) -> StepResult<Runner> {
        let ready = moves.iter().map(|step| match step {
            RaceMove::Login => self.answers(client).map(Move::Login),
            RaceMove::Type(text) => {
                let filled = self.fill(text, client, 1)?;
                Ok(Move::Type(Typing { text: filled.actual, shown: Some(filled.shown) }))
            }
        });
        let moves = ready.collect::<StepResult<Vec<Move>>>()?;
        Ok(Runner { client, moves, from_start: self.member(client).is_some() })
    }

    /// Lets all run at once, started in an order that the seed decides.
    async fn run_together(&mut self, runners: &[Runner], deadline: Instant) -> StepResult {
        let mut running = Vec::new();
        for (client, actor) in self.actors.iter_mut().enumerate() {
            if let Some(runner) = runners.iter().find(|runner| runner.client == client) {
                running.push(run(actor, runner, deadline));
            }
        }
        fastrand::Rng::with_seed(self.options.seed).shuffle(&mut running);
        join_all(running).await.into_iter().collect()
    }

    /// Notes what was said, by sender.
    fn note_said(&mut self, runners: &[Runner]) -> Vec<Said> {
        let mut said = Vec::new();
        for runner in runners {
            let typed = runner.moves.iter().filter_map(|step| match step {
                Move::Type(typing) => Some(&typing.text),
                Move::Login(_) => None,
            });
            said.extend(typed.filter_map(|text| self.said_by(runner.client, text, false)));
        }
        self.said.extend(said.iter().cloned());
        said
    }

    fn deeds(&self, group: u32, said: &[Said], newcomers: &BTreeSet<ClientId>) -> Deeds {
        let mut deeds = Deeds::default();
        let senders: BTreeSet<ClientId> = said.iter().map(|said| said.by).collect();
        for sender in senders {
            let own = said.iter().filter(|said| said.by == sender && said.group == group);
            deeds.said.push(own.map(|said| said.line.clone()).collect());
        }
        for newcomer in newcomers {
            if let Some(member) = self.member(*newcomer).filter(|member| member.group == group) {
                deeds.arrived.push(Notice::Arrived(&member.name).to_string());
            }
        }
        deeds
    }

    /// Reads, for every member of the group, all that the race brought it.
    ///
    /// When every sender has its own last message back, the server has them all; then a marker goes
    /// through the group and says where to stop. So nothing that is lost is waited for.
    async fn watch(
        &mut self,
        group: u32,
        said: &[Said],
        newcomers: &BTreeSet<ClientId>,
        deadline: Instant,
    ) -> StepResult<Vec<Watched>> {
        let members = self.members_of(group);
        let mut watched = Vec::new();
        for client in &members {
            let own_last = said.iter().rev().find(|said| said.by == *client);
            let mut lines = Vec::new();
            if let Some(last) = own_last {
                lines = self.read_up_to(*client, &last.line, Vec::new(), deadline).await?;
                lines.push(last.line.clone());
            }
            watched.push(Watched {
                client: *client,
                key: self.key(*client).to_owned(),
                from_start: !newcomers.contains(client),
                lines,
            });
        }
        let Some(first) = members.iter().find(|client| self.actors[**client].can_speak()) else {
            return Ok(watched);
        };
        let marker = self.send_marker(*first, deadline).await?;
        for member in &mut watched {
            let before = std::mem::take(&mut member.lines);
            member.lines = self.read_up_to(member.client, &marker.line, before, deadline).await?;
        }
        Ok(watched)
    }

    /// What is missing when the marker comes may only be late, which is another fault.
    async fn lost_or_late(&mut self, client: ClientId, breach: Breach) -> Breach {
        let Breach::Lost(lines) = &breach else { return breach };
        let deadline = Instant::now() + LATE.mul_f64(self.options.time_scale);
        while let Ok(Seen::Line(line)) = self.actors[client].next(deadline).await {
            if lines.contains(&line) {
                return Breach::Late(line);
            }
        }
        breach
    }

    /// Reads until `last` comes, which is not added to `lines`.
    async fn read_up_to(
        &mut self,
        client: ClientId,
        last: &str,
        mut lines: Vec<String>,
        deadline: Instant,
    ) -> StepResult<Vec<String>> {
        loop {
            let aim = || Aim::Line(last.to_owned());
            let line = match self.read_line(client, aim, &quoted(last), deadline).await {
                Ok(line) => line,
                Err(error) => return Err(in_another_form(error, last, &lines)),
            };
            if line == last {
                return Ok(lines);
            }
            lines.push(line);
        }
    }

    /// Writes what everybody saw into the transcripts, in an order that is the same in every run.
    fn show_sorted(&mut self, watched: Vec<Watched>) {
        for mut member in watched {
            let actor = &mut self.actors[member.client];
            if !member.from_start {
                // What the race brought it differs from run to run.
                actor.show(REPEATED);
                continue;
            }
            member.lines.sort();
            member.lines.iter().for_each(|line| actor.show(line));
        }
    }
}

/// How long a line that is missing may still come, to be called late and not lost.
const LATE: Duration = Duration::from_secs(2);

/// A line that never came may have come in another form, which says more.
fn in_another_form(mut error: Box<StepError>, wanted: &str, lines: &[String]) -> Box<StepError> {
    let text = wanted.split_once(": ").map_or(wanted, |(_, text)| text).to_lowercase();
    if let Some(line) = lines.iter().find(|line| line.to_lowercase().ends_with(&text)) {
        error.fault = Fault::WrongLine(line.clone());
    }
    error
}

async fn run(actor: &mut Actor, runner: &Runner, deadline: Instant) -> StepResult {
    for step in &runner.moves {
        match step {
            Move::Login(answers) => {
                let aim = Aim::Admission {
                    creates: matches!(answers, Answers::Full { group: None, .. }),
                };
                let error =
                    |fault| StepError::new(runner.client, aim.clone(), "to be admitted", fault);
                match actor.login(answers, deadline).await.map_err(error)? {
                    LoginEnd::Admitted { .. } => {}
                    LoginEnd::Refused | LoginEnd::Ended => return Err(error(Fault::Refused)),
                }
            }
            Move::Type(typing) => {
                let typing = std::slice::from_ref(typing);
                let typed = actor.type_lines(typing, Writing::AtOnce, deadline).await;
                typed.map_err(|fault| {
                    StepError::new(runner.client, Aim::Write, "to write", fault)
                })?;
            }
        }
        // The others' turn: a race in which one says everything first is none.
        tokio::task::yield_now().await;
    }
    Ok(())
}
