//! The stage: plays the steps in order and knows what everybody said.

use std::sync::Arc;
use std::time::Duration;

use chatroom_protocol::{GroupId, Notice, message};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::failure::Failure;
use super::{Options, Played};
use crate::actor::{Actor, Answers, GroupIds, LoginEnd, Membership, Seen, Setting, Typing};
use crate::fault::Fault;
use crate::scenario::{
    Act, Action, Admission, Audience, Blank, ClientId, Departure, Part, Pattern, Scenario, Step,
    Template, Writing,
};
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
    ) -> Self {
        StepError { client: Some(client), aim, expected: expected.into(), fault }
    }
}

pub(super) type StepResult<T = ()> = Result<T, StepError>;

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
    ids: Arc<GroupIds>,
    log: Option<Log>,
    /// The first line of the log that no step has used.
    log_next: usize,
    log_start: usize,
    log_checks_skipped: usize,
    target: &'s mut Target,
    steps: usize,
    pub(super) markers: u32,
    programs: usize,
    first_group: Option<u32>,
    groups_created: u32,
}

/// How many repetitions of a step a transcript shows before it shortens them.
const MOST_REPEATED_SHOWN: u32 = 3;

impl<'s> Stage<'s> {
    pub(super) fn new(
        scenario: &'s Scenario,
        target: &'s mut Target,
        options: &'s Options,
    ) -> Self {
        let ids = if options.shared { GroupIds::shared() } else { GroupIds::fresh() };
        let ids = Arc::new(ids);
        let setting = Setting {
            addr: target.addr(),
            program: options.client_program.clone(),
            time_scale: options.time_scale,
            ids: Arc::clone(&ids),
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
            log,
            log_next,
            log_start: log_next,
            log_checks_skipped: 0,
            target,
            steps: 0,
            markers: 0,
            first_group: None,
            groups_created: 0,
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
            first_group: self.first_group,
        }
    }

    /// Plays an act, as often as it says. A transcript shows the first time.
    async fn act<'a>(&mut self, act: &'a Act) -> Result<(), (Option<&'a Step>, StepError)> {
        let mut lengths = Vec::new();
        for time in 1..=act.repeat {
            for step in &act.steps {
                self.step(step).await.map_err(|error| (Some(step), error))?;
                self.steps += 1;
            }
            match time {
                1 => lengths = self.actors.iter().map(|actor| actor.transcript.len()).collect(),
                _ => self.cut_transcripts(&lengths),
            }
        }
        if act.repeat > 1 {
            self.actors.iter_mut().for_each(|actor| actor.show(REPEATED));
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

    async fn fail(&mut self, act: &Act, step: Option<&Step>, error: StepError) -> Box<Failure> {
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

    async fn step(&mut self, step: &Step) -> StepResult {
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
            Action::Log { pattern, absent } => self.look_into_log(pattern, *absent, deadline).await,
        }
    }

    async fn connect(&mut self, client: ClientId, deadline: Instant) -> StepResult {
        let limit = deadline.saturating_duration_since(Instant::now());
        let connected = self.actors[client].connect(limit).await;
        let expected = "the server to accept the connection";
        connected.map_err(|fault| StepError::new(client, Aim::Connect, expected, fault))
    }

    /// What the client answers when its program asks.
    pub(super) fn answers(&self, client: ClientId) -> StepResult<Answers> {
        let fill = |template: &Template| self.fill(template, client, 1);
        Ok(match &self.scenario.clients[client].part {
            Part::Choose { option } => Answers::Menu(option.clone()),
            Part::Create { name, password } => {
                let (name, password) = (fill(name)?.actual, fill(password)?.actual);
                Answers::Full { name, group: None, password }
            }
            Part::Join { name, group, password } => {
                let (name, password) = (fill(name)?.actual, fill(password)?.actual);
                Answers::Full { name, group: Some(self.group(group, client)?), password }
            }
            Part::Wire => Answers::Menu(String::new()),
        })
    }

    /// The id that a client joins: on this server, and as the scenario has it.
    fn group(&self, template: &Template, client: ClientId) -> StepResult<(u32, String)> {
        if let Some(Ok(id)) = template.as_plain().map(str::parse::<GroupId>) {
            return Ok((self.ids.actual(id.get()), id.to_string()));
        }
        let filled = self.fill(template, client, 1)?;
        let id = filled.actual.parse::<GroupId>().map(GroupId::get).unwrap_or_default();
        Ok((id, filled.shown))
    }

    async fn login(
        &mut self,
        client: ClientId,
        admission: &Admission,
        deadline: Instant,
    ) -> StepResult {
        let answers = self.answers(client)?;
        let creates = matches!(answers, Answers::Full { group: None, .. });
        let (aim, expected) = match admission {
            Admission::Admitted { .. } => (Aim::Admission { creates }, "to be admitted".to_owned()),
            Admission::Refused(why) => (Aim::Refusal(*why), format!("to be refused ({why})")),
        };
        let error = |fault| StepError::new(client, aim.clone(), expected.clone(), fault);
        let end = self.actors[client].login(&answers, deadline).await.map_err(error)?;
        match (end, admission) {
            (LoginEnd::Ended, Admission::Admitted { .. })
                if matches!(answers, Answers::Menu(_)) =>
            {
                Ok(())
            }
            (LoginEnd::Admitted { created }, Admission::Admitted { name }) => {
                self.check_group(client, created)?;
                self.check_name(client, &answers, name.as_ref())
            }
            (LoginEnd::Refused, Admission::Refused(reason)) => {
                self.finish_refusal(client, *reason, deadline).await
            }
            (LoginEnd::Refused, Admission::Admitted { .. }) => Err(error(Fault::Refused)),
            (LoginEnd::Admitted { .. }, Admission::Refused(_)) => Err(error(Fault::Admitted)),
            (LoginEnd::Ended, _) => {
                let status = self.actors[client].wait_for_exit(deadline).await.map_err(error)?;
                Err(error(Fault::Exited(status)))
            }
        }
    }

    /// A created group has the number after the last one.
    fn check_group(&mut self, client: ClientId, created: Option<u32>) -> StepResult {
        let Some(id) = created else { return Ok(()) };
        self.first_group = self.first_group.or(Some(id));
        let expected = GroupId::FIRST.get() + self.groups_created;
        self.groups_created += 1;
        if self.ids.canonical(id) == expected && id >= GroupId::FIRST.get() {
            return Ok(());
        }
        let wanted = self.ids.actual(expected);
        let aim = Aim::Admission { creates: true };
        Err(StepError::new(
            client,
            aim,
            format!("the id of the new group to be {wanted}"),
            Fault::WrongGroup(id),
        ))
    }

    fn check_name(
        &self,
        client: ClientId,
        answers: &Answers,
        wanted: Option<&Template>,
    ) -> StepResult {
        let (Some(member), Answers::Full { name: asked, .. }) = (self.member(client), answers)
        else {
            return Ok(());
        };
        let wanted = match wanted {
            Some(template) => self.fill(template, client, 1)?.actual,
            None => asked.clone(),
        };
        if member.name == wanted {
            return Ok(());
        }
        let aim = Aim::Admission { creates: false };
        let fault = Fault::WrongName(member.name.clone());
        Err(StepError::new(client, aim, format!("the name {wanted}"), fault))
    }

    /// A refusal ends with the server's close, and its reason is in the log.
    async fn finish_refusal(
        &mut self,
        client: ClientId,
        reason: chatroom_protocol::Refusal,
        deadline: Instant,
    ) -> StepResult {
        // The real program shows nothing of the close.
        if !self.actors[client].is_program() {
            let closed = self.actors[client].wait_for_close(deadline).await;
            let expected = "`disconnect` and then the close";
            closed
                .map_err(|fault| StepError::new(client, Aim::Refusal(reason), expected, fault))?;
        }
        let pattern = Template::parse(&reason.to_string());
        let pattern = Pattern::Exact(pattern.expect("a reason has no braces"));
        self.look_into_log(&pattern, false, deadline).await
    }

    async fn send(&mut self, client: ClientId, action: &Action, deadline: Instant) -> StepResult {
        let Action::Send { lines, raw, writing, times, seen_by, .. } = action else {
            return Ok(());
        };
        let mut sent = Vec::new();
        let mut typed = Vec::new();
        for count in 1..=*times {
            for line in lines {
                let filled = self.fill(line, client, count)?;
                if let Some(said) = self.said_by(client, &filled.actual, *raw) {
                    sent.push(said.line.clone());
                    self.said.push(said);
                }
                typed.push(Typing { text: filled.actual, shown: Some(filled.shown) });
            }
        }
        // Repetitions go out as fast as they can; a list of lines in one write.
        let batch = lines.len();
        for (index, lines) in typed.chunks(batch).enumerate() {
            let shown = shorten(lines, index, *times);
            self.write(client, &shown, *raw, *writing, deadline).await?;
        }
        if let (Some(member), false) = (self.member(client).cloned(), *seen_by == Audience::Unsaid)
        {
            let audience = self.audience(seen_by, client, member.group, true);
            for (index, line) in sent.iter().enumerate() {
                let hide = *times > MOST_REPEATED_SHOWN && index > 0 && index + 1 < sent.len();
                self.all_read_as(&audience, line, hide.then_some(index), deadline).await?;
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        client: ClientId,
        lines: &[Typing],
        raw: bool,
        writing: Writing,
        deadline: Instant,
    ) -> StepResult {
        let written = if raw {
            let text: String = lines.iter().map(|line| line.text.as_str()).collect();
            let shown: String = lines.iter().filter_map(|line| line.shown.as_deref()).collect();
            let bytes = crate::scenario::unescape(&text).unwrap_or_default();
            self.actors[client].write_raw(&bytes, &shown, writing, deadline).await
        } else {
            self.actors[client].type_lines(lines, writing, deadline).await
        };
        written.map_err(|fault| {
            let aim =
                if matches!(fault, Fault::NotConnected(_)) { Aim::Connect } else { Aim::Write };
            StepError::new(client, aim, "the server to take what is written", fault)
        })
    }

    /// What the group hears when a client sends `text`.
    pub(super) fn said_by(&self, client: ClientId, text: &str, raw: bool) -> Option<Said> {
        let member = self.member(client)?;
        if raw || text.is_empty() {
            return None;
        }
        // The terminal program puts its name in front; a bare connection may have done so itself.
        let own = [&member.name, &member.asked];
        let unstamped = if self.scenario.clients[client].is_terminal() {
            text
        } else {
            let strip = |name: &&String| text.strip_prefix(name.as_str())?.strip_prefix(": ");
            own.iter().find_map(strip).unwrap_or(text)
        };
        let mut line = Vec::new();
        message::compose(&member.name, unstamped, &mut line);
        Some(Said {
            by: client,
            group: member.group,
            text: unstamped.to_owned(),
            line: String::from_utf8_lossy(&line).into_owned(),
            heard_by: self.members_of(member.group),
        })
    }

    /// Who is in a group and reads.
    pub(super) fn members_of(&self, group: u32) -> Vec<ClientId> {
        (0..self.actors.len()).filter(|client| self.actors[*client].hears(group)).collect()
    }

    /// The clients that `seen_by` means after something that `client` did in `group`.
    fn audience(
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
    async fn all_read(
        &mut self,
        clients: &[ClientId],
        line: &str,
        deadline: Instant,
    ) -> StepResult {
        self.all_read_as(clients, line, None, deadline).await
    }

    /// The same; in the transcript, `hidden` repetitions leave one mark in their place.
    async fn all_read_as(
        &mut self,
        clients: &[ClientId],
        line: &str,
        hidden: Option<usize>,
        deadline: Instant,
    ) -> StepResult {
        for client in clients {
            let aim = || Aim::Line(line.to_owned());
            let got = self.read_line(*client, aim, &crate::fault::quoted(line), deadline).await?;
            if got != line {
                let fault = Fault::WrongLine(got);
                return Err(StepError::new(*client, aim(), crate::fault::quoted(line), fault));
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

    async fn receive(
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
    async fn read_but(
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

    async fn receive_in_any_order(
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

    async fn leave(
        &mut self,
        client: ClientId,
        how: Departure,
        seen_by: &Audience,
        deadline: Instant,
    ) -> StepResult {
        let member = self.member(client).cloned();
        let actor = &mut self.actors[client];
        let left = match how {
            Departure::Leave => actor.leave(deadline).await,
            Departure::Reset => actor.reset().await,
            Departure::HalfClose => {
                actor.half_close().await;
                Ok(())
            }
        };
        left.map_err(|fault| StepError::new(client, Aim::Exit, "to leave in peace", fault))?;
        let Some(member) = member else { return Ok(()) };
        let line = Notice::Left(&member.name).to_string();
        let audience = self.audience(seen_by, client, member.group, false);
        self.all_read(&audience, &line, deadline).await
    }

    async fn exit(&mut self, client: ClientId, status: u8, deadline: Instant) -> StepResult {
        let expected = format!("the program to end with exit status {status}");
        let error = |fault| StepError::new(client, Aim::Exit, expected.clone(), fault);
        let got = self.actors[client].wait_for_exit(deadline).await.map_err(error)?;
        if got == status { Ok(()) } else { Err(error(Fault::Exited(got))) }
    }

    /// Waits until the log says what `pattern` says, or makes sure that it does not.
    async fn look_into_log(
        &mut self,
        pattern: &Pattern,
        absent: bool,
        deadline: Instant,
    ) -> StepResult {
        let Some(log) = self.log.clone() else {
            self.log_checks_skipped += 1;
            return Ok(());
        };
        let wanted = self.wanted(pattern, 0, 1)?;
        let found = |line: &str| wanted.is_in(line).then(|| line.to_owned());
        let limit = deadline.saturating_duration_since(Instant::now());
        let (from, limit) =
            if absent { (self.log_start, Duration::ZERO) } else { (self.log_next, limit) };
        let fault = match (log.find(from, limit, found).await, absent) {
            (Some((line, _)), false) => {
                self.log_next = line + 1;
                return Ok(());
            }
            (None, true) => return Ok(()),
            (None, false) => Fault::LogSilent(limit),
            (Some((_, line)), true) => Fault::LogSays(line),
        };
        let expected = match absent {
            false => format!("the server's log to say {wanted}"),
            true => format!("the server's log never to say {wanted}"),
        };
        Err(StepError { client: None, aim: Aim::Log, expected, fault })
    }

    fn wanted(&self, pattern: &Pattern, client: ClientId, count: u32) -> StepResult<Wanted> {
        Ok(match pattern {
            Pattern::Exact(text) => Wanted::Exact(self.fill(text, client, count)?.actual),
            Pattern::Regex(regex) => Wanted::Regex(regex.clone()),
        })
    }

    /// A text with its blanks filled in, for this server and for the transcript.
    pub(super) fn fill(
        &self,
        template: &Template,
        client: ClientId,
        count: u32,
    ) -> StepResult<Filled> {
        let fill =
            |shown: bool| template.fill(|blank| self.fill_blank(blank, client, count, shown));
        Ok(Filled { actual: fill(false)?, shown: fill(true)? })
    }

    fn fill_blank(
        &self,
        blank: &Blank,
        client: ClientId,
        count: u32,
        shown: bool,
    ) -> StepResult<String> {
        let member = |key: &str| {
            let found = self.actors.iter().find(|actor| actor.key() == key);
            found.and_then(|actor| actor.membership.as_ref()).ok_or_else(|| {
                let expected = format!("`{key}` to be in a group, for {{{key}...}}");
                StepError::new(client, Aim::Write, expected, Fault::Refused)
            })
        };
        Ok(match blank {
            Blank::GroupOf(key) => {
                let id = member(key)?.group;
                if shown { self.ids.canonical(id) } else { id }.to_string()
            }
            Blank::NameOf(key) => member(key)?.name.clone(),
            Blank::Group(id) => if shown { *id } else { self.ids.actual(*id) }.to_string(),
            Blank::Me => self.name_of(client),
            Blank::Count => count.to_string(),
        })
    }

    /// The name that a client asks for, if it has answers.
    pub(super) fn asked_name(&self, client: ClientId) -> Option<String> {
        match &self.scenario.clients[client].part {
            Part::Create { name, .. } | Part::Join { name, .. } => {
                name.as_plain().map(str::to_owned)
            }
            Part::Choose { .. } | Part::Wire => None,
        }
    }

    /// What a client is called: by the server, or in its own answers.
    fn name_of(&self, client: ClientId) -> String {
        if let Some(member) = self.member(client) {
            return member.name.clone();
        }
        match &self.scenario.clients[client].part {
            Part::Create { name, .. } | Part::Join { name, .. } => name.to_string(),
            Part::Choose { .. } | Part::Wire => self.key(client).to_owned(),
        }
    }
}

/// What a transcript has in place of all but the first and the last of many repetitions.
const REPEATED: &str = "[...]";

/// What came in the repetitions of a step: few are kept whole, of many the first and the last.
#[derive(Default)]
struct Repeated {
    first: Vec<Vec<String>>,
    last: Vec<String>,
    count: u32,
}

impl Repeated {
    /// Adds the lines of one repetition.
    fn push(&mut self, lines: Vec<String>) {
        self.count += 1;
        if self.count <= MOST_REPEATED_SHOWN {
            self.first.push(lines);
        } else {
            self.last = lines;
        }
    }

    fn show(self, actor: &mut Actor) {
        let many = self.count > MOST_REPEATED_SHOWN;
        let whole = if many { 1 } else { self.first.len() };
        self.first.iter().take(whole).flatten().for_each(|line| actor.show(line));
        if many {
            actor.show(REPEATED);
            self.last.iter().for_each(|line| actor.show(line));
        }
    }
}

/// Of many repetitions, the transcript shows the first and the last.
fn shorten(lines: &[Typing], index: usize, times: u32) -> Vec<Typing> {
    let last = times as usize - 1;
    let hide = times > MOST_REPEATED_SHOWN && index > 0 && index < last;
    let shown = |shown: &Option<String>| match (hide, index) {
        (false, _) => shown.clone(),
        (true, 1) => Some(REPEATED.to_owned()),
        (true, _) => None,
    };
    let shorten = |line: &Typing| Typing { text: line.text.clone(), shown: shown(&line.shown) };
    lines.iter().map(shorten).collect()
}

/// A text for the server, and the same for the transcript.
pub(super) struct Filled {
    pub(super) actual: String,
    pub(super) shown: String,
}

/// A pattern with its blanks filled in.
pub(super) enum Wanted {
    Exact(String),
    Regex(regex::Regex),
}

impl Wanted {
    fn matches(&self, line: &str) -> bool {
        match self {
            Wanted::Exact(text) => text == line,
            Wanted::Regex(regex) => regex.is_match(line),
        }
    }

    /// Whether it is somewhere in the line.
    fn is_in(&self, line: &str) -> bool {
        match self {
            Wanted::Exact(text) => line.contains(text),
            Wanted::Regex(regex) => regex.is_match(line),
        }
    }

    fn aim(&self) -> Aim {
        match self {
            Wanted::Exact(text) => Aim::Line(text.clone()),
            Wanted::Regex(regex) => Aim::Match(regex.as_str().to_owned()),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Exact(text) => f.write_str(&crate::fault::quoted(text)),
            Wanted::Regex(regex) => write!(f, "a line that matches /{regex}/"),
        }
    }
}
