//! What clients have to read, and what the log has to say.

use std::time::Duration;

use tokio::time::Instant;

use super::blanks::Wanted;
use super::stage::{Aim, Stage, StepError, StepResult};
use crate::actor::{Actor, REPEATED, Seen};
use crate::fault::{Fault, quoted};
use crate::scenario::{Action, Audience, ClientId, Pattern, Step};

/// How many repetitions of a step a transcript shows before it shortens them.
pub(super) const MOST_REPEATED_SHOWN: u32 = 3;

impl<'s> Stage<'s> {
    /// The clients that `seen_by` means after something that `client` did in `group`.
    pub(super) fn audience(
        &self,
        seen_by: &Audience,
        client: ClientId,
        group: u32,
        with_itself: bool,
    ) -> Vec<ClientId> {
        match seen_by {
            Audience::Unsaid => Vec::new(),
            Audience::Clients(clients) => clients.clone(),
            Audience::Group => {
                let all = self.members_of(group).into_iter();
                all.filter(|other| with_itself || *other != client).collect()
            }
        }
    }

    /// Each of `clients` has to read `line` next.
    pub(super) async fn all_read(
        &mut self,
        clients: &[ClientId],
        line: &str,
        deadline: Instant,
    ) -> StepResult {
        self.all_read_as(clients, line, None, deadline).await
    }

    /// The same; in the transcript, `hidden` repetitions leave one mark in their place.
    pub(super) async fn all_read_as(
        &mut self,
        clients: &[ClientId],
        line: &str,
        hidden: Option<usize>,
        deadline: Instant,
    ) -> StepResult {
        for client in clients {
            let aim = || Aim::Line(line.to_owned());
            let got = self.read_line(*client, aim, &quoted(line), deadline).await?;
            if got != line {
                let fault = Fault::WrongLine(got);
                return Err(StepError::new(*client, aim(), quoted(line), fault));
            }
            match hidden {
                None => self.actors[*client].show(&got),
                Some(1) => self.actors[*client].show(REPEATED),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The next line of a client.
    pub(super) async fn read_line(
        &mut self,
        client: ClientId,
        aim: impl Fn() -> Aim,
        expected: &str,
        deadline: Instant,
    ) -> StepResult<String> {
        let fault = match self.actors[client].next(deadline).await {
            Ok(Seen::Line(line)) => return Ok(line),
            Ok(Seen::Prompt(prompt)) => Fault::WrongLine(prompt),
            Ok(Seen::Closed(how)) => Fault::Closed(how),
            Ok(Seen::Exited(status)) => Fault::Exited(status),
            Err(fault) => fault,
        };
        Err(StepError::new(client, aim(), expected, fault))
    }

    pub(super) async fn receive(
        &mut self,
        client: ClientId,
        action: &Action,
        deadline: Instant,
    ) -> StepResult {
        let Action::Receive { patterns, times, any_order, maybe, .. } = action else {
            return Ok(());
        };
        let maybe = maybe.as_ref().map(|maybe| self.wanted(maybe, client, 1)).transpose()?;
        if *any_order {
            let wanted = patterns.iter().map(|pattern| self.wanted(pattern, client, 1));
            let wanted = wanted.collect::<StepResult<Vec<Wanted>>>()?;
            return self.receive_in_any_order(client, wanted, times, maybe, deadline).await;
        }
        let repetitions = times.first().copied().unwrap_or(1);
        let mut seen = Repeated::default();
        for count in 1..=repetitions {
            let mut lines = Vec::new();
            for pattern in patterns {
                let wanted = self.wanted(pattern, client, count)?;
                let line = self.read_but(client, &wanted, maybe.as_ref(), deadline).await?;
                if !wanted.matches(&line) {
                    let fault = Fault::WrongLine(line);
                    return Err(StepError::new(client, wanted.aim(), wanted.to_string(), fault));
                }
                lines.push(line);
            }
            seen.push(lines);
        }
        seen.show(&mut self.actors[client]);
        Ok(())
    }

    /// The next line that is not the one that may come in between.
    pub(super) async fn read_but(
        &mut self,
        client: ClientId,
        wanted: &Wanted,
        maybe: Option<&Wanted>,
        deadline: Instant,
    ) -> StepResult<String> {
        loop {
            let expected = wanted.to_string();
            let line = self.read_line(client, || wanted.aim(), &expected, deadline).await?;
            if wanted.matches(&line) || !maybe.is_some_and(|maybe| maybe.matches(&line)) {
                return Ok(line);
            }
        }
    }

    pub(super) async fn receive_in_any_order(
        &mut self,
        client: ClientId,
        wanted: Vec<Wanted>,
        times: &[u32],
        maybe: Option<Wanted>,
        deadline: Instant,
    ) -> StepResult {
        let mut due: Vec<u32> = times.to_vec();
        let mut seen: Vec<Repeated> = wanted.iter().map(|_| Repeated::default()).collect();
        while let Some(next) = due.iter().position(|due| *due > 0) {
            let left = wanted.iter().zip(&due).filter(|(_, due)| **due > 0);
            let left: Vec<String> = left.map(|(wanted, _)| wanted.to_string()).collect();
            let expected =
                if left.len() > 1 { "one of " } else { "" }.to_owned() + &left.join(", ");
            let aim = wanted[next].aim();
            let line = self.read_line(client, || aim.clone(), &expected, deadline).await?;
            let fits = |(wanted, due): (&Wanted, &u32)| *due > 0 && wanted.matches(&line);
            match wanted.iter().zip(&due).position(fits) {
                Some(found) => {
                    due[found] -= 1;
                    seen[found].push(vec![line]);
                }
                None if maybe.as_ref().is_some_and(|maybe| maybe.matches(&line)) => {}
                None => return Err(StepError::new(client, aim, expected, Fault::WrongLine(line))),
            }
        }
        // One order for the transcript, whatever order they came in: that of the step.
        seen.into_iter().for_each(|seen| seen.show(&mut self.actors[client]));
        Ok(())
    }

    /// Waits until the log says what `pattern` says.
    pub(super) async fn look_into_log(
        &mut self,
        pattern: &Pattern,
        deadline: Instant,
    ) -> StepResult {
        let Some(log) = self.log.clone() else {
            self.log_checks_skipped += 1;
            return Ok(());
        };
        let wanted = self.wanted(pattern, 0, 1)?;
        let limit = deadline.saturating_duration_since(Instant::now());
        let found = |line: &str| wanted.is_in(line).then_some(());
        let Some((line, ())) = log.find(self.log_next, limit, found).await else {
            let expected = format!("the server's log to say {wanted}");
            return Err(log_error(expected, Fault::LogSilent(limit)));
        };
        self.log_next = line + 1;
        Ok(())
    }

    /// Notes what the log may never say; it is looked for when the server has said its last.
    pub(super) fn forbid_in_log(&mut self, pattern: &Pattern, step: &'s Step) -> StepResult {
        if self.log.is_none() {
            self.log_checks_skipped += 1;
            return Ok(());
        }
        let wanted = self.wanted(pattern, 0, 1)?;
        self.forbidden.push((step, wanted));
        Ok(())
    }

    /// Ends the server, so that its log is whole, and looks for what may not be in it.
    pub(super) async fn look_for_forbidden(&mut self) -> Result<(), (&'s Step, Box<StepError>)> {
        let Some(log) = self.log.clone().filter(|_| !self.forbidden.is_empty()) else {
            return Ok(());
        };
        self.target.stop().await;
        for (step, wanted) in &self.forbidden {
            let found = |line: &str| wanted.is_in(line).then(|| line.to_owned());
            if let Some((_, line)) = log.find(self.log_start, Duration::ZERO, found).await {
                let expected = format!("the server's log never to say {wanted}");
                return Err((*step, log_error(expected, Fault::LogSays(line))));
            }
        }
        Ok(())
    }
}

fn log_error(expected: String, fault: Fault) -> Box<StepError> {
    Box::new(StepError { client: None, aim: Aim::Log, expected, fault })
}

/// What came in the repetitions of a step: few are kept whole, of many the first and the last.
#[derive(Default)]
struct Repeated {
    first: Vec<Vec<String>>,
    last: Vec<String>,
    count: u32,
}

impl Repeated {
    /// Adds the lines of one repetition.
    pub(super) fn push(&mut self, lines: Vec<String>) {
        self.count += 1;
        if self.count <= MOST_REPEATED_SHOWN {
            self.first.push(lines);
        } else {
            self.last = lines;
        }
    }

    pub(super) fn show(self, actor: &mut Actor) {
        let many = self.count > MOST_REPEATED_SHOWN;
        let whole = if many { 1 } else { self.first.len() };
        self.first.iter().take(whole).flatten().for_each(|line| actor.show(line));
        if many {
            actor.show(REPEATED);
            self.last.iter().for_each(|line| actor.show(line));
        }
    }
}
