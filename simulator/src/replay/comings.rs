//! How clients come and go: logging in, being refused, leaving.

use chatroom_protocol::{GroupId, Notice, Refusal};
use tokio::time::Instant;

use super::stage::{Aim, Stage, StepError, StepResult};
use crate::actor::{Answers, LoginEnd};
use crate::fault::Fault;
use crate::scenario::{Admission, Audience, ClientId, Departure, Part, Pattern, Template};

impl Stage<'_> {
    pub(super) async fn connect(&mut self, client: ClientId, deadline: Instant) -> StepResult {
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
    pub(super) fn group(&self, template: &Template, client: ClientId) -> StepResult<(u32, String)> {
        if let Some(Ok(id)) = template.as_plain().map(str::parse::<GroupId>) {
            return Ok((self.ids.actual(id.get()), id.to_string()));
        }
        let filled = self.fill(template, client, 1)?;
        let id = filled.actual.parse::<GroupId>().map(GroupId::get).unwrap_or_default();
        Ok((id, filled.shown))
    }

    pub(super) async fn login(
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
    pub(super) fn check_group(&mut self, client: ClientId, created: Option<u32>) -> StepResult {
        let Some(id) = created else { return Ok(()) };
        // This one was counted when its notice was read.
        let expected = GroupId::FIRST.get() + self.ids.count().saturating_sub(1);
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

    pub(super) fn check_name(
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
    pub(super) async fn finish_refusal(
        &mut self,
        client: ClientId,
        reason: Refusal,
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
        self.look_into_log(&pattern, deadline).await
    }

    pub(super) async fn leave(
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

    pub(super) async fn exit(
        &mut self,
        client: ClientId,
        status: u8,
        deadline: Instant,
    ) -> StepResult {
        let expected = format!("the program to end with exit status {status}");
        let error = |fault| StepError::new(client, Aim::Exit, expected.clone(), fault);
        let got = self.actors[client].wait_for_exit(deadline).await.map_err(error)?;
        if got == status { Ok(()) } else { Err(error(Fault::Exited(got))) }
    }
}
