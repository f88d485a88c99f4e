//! Whether a scenario's steps can be played in their order: nobody speaks before he is there.

use super::{
    Action, Admission, Audience, ClientId, Departure, Part, Pattern, RaceMove, Scenario, Step,
    Template,
};
use crate::diagnostics::Diagnostic;

/// Where a client stands, as far as the file alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Has not appeared.
    Away,
    /// A bare connection is open.
    Connected,
    /// A member, through the terminal program.
    Member,
    /// Refused; its program still takes a line.
    Refused,
    /// Its program is about to end, or has ended.
    Ending,
    /// A member that reads no more.
    Stalled,
    /// Its sending side is closed.
    HalfClosed,
    /// Its connection is gone.
    Gone,
}

impl Standing {
    fn words(self) -> &'static str {
        match self {
            Standing::Away => "is not there yet",
            Standing::Connected => "is a bare connection",
            Standing::Member => "is in a group",
            Standing::Refused => "was refused",
            Standing::Ending => "has ended its program",
            Standing::Stalled => "has stopped reading",
            Standing::HalfClosed => "has closed its sending side",
            Standing::Gone => "has gone",
        }
    }
}

struct Plot<'s> {
    scenario: &'s Scenario,
    standing: Vec<Standing>,
    errors: Vec<Diagnostic>,
}

/// Every step that cannot be, in the order of the file.
pub(super) fn check(scenario: &Scenario) -> Vec<Diagnostic> {
    let standing = vec![Standing::Away; scenario.clients.len()];
    let mut plot = Plot { scenario, standing, errors: Vec::new() };
    for act in &scenario.acts {
        // What can be done once cannot always be done again.
        for step in act.steps.iter().cycle().take(act.steps.len() * act.repeat.min(2) as usize) {
            if plot.errors.is_empty() {
                plot.play(step);
            }
        }
    }
    plot.errors
}

impl Plot<'_> {
    fn play(&mut self, step: &Step) {
        self.check_blanks(step);
        match &step.action {
            Action::Connect { who } => self.each(who, step, Self::connect),
            Action::Login { who, admission, seen_by } => {
                self.each(who, step, |plot, client| plot.login(client, admission));
                self.audience(seen_by, step);
            }
            Action::Send { who, raw, seen_by, .. } => {
                self.each(who, step, |plot, client| plot.send(client, *raw));
                self.audience(seen_by, step);
            }
            Action::Receive { who, .. } => self.each(who, step, Self::receive),
            Action::Leave { who, how, seen_by } => {
                self.each(who, step, |plot, client| plot.leave(client, *how));
                self.audience(seen_by, step);
            }
            Action::Closed { who } => self.each(who, step, |plot, client| {
                plot.need(client, &[Standing::Connected, Standing::Member, Standing::HalfClosed])?;
                plot.standing[client] = Standing::Gone;
                Ok(())
            }),
            Action::Exit { who, .. } => self.each(who, step, |plot, client| {
                plot.need(client, &[Standing::Ending, Standing::Refused, Standing::Member])?;
                plot.standing[client] = Standing::Gone;
                Ok(())
            }),
            Action::StopReading { who } => self.each(who, step, |plot, client| {
                plot.need(client, &[Standing::Connected, Standing::Member])?;
                plot.standing[client] = Standing::Stalled;
                Ok(())
            }),
            Action::Race { parts } => {
                for (who, moves) in parts {
                    let race = |plot: &mut Self, client| plot.race(client, moves);
                    self.each(&[*who], step, race);
                }
            }
            Action::Fence { who, nothing_for } => {
                self.each(&[*who], step, |plot, client| {
                    plot.need(client, &[Standing::Member, Standing::Connected])
                });
                // Of who never came, it shows nothing that nothing reached it.
                self.each(nothing_for, step, |plot, client| match plot.standing[client] {
                    Standing::Away => plot.need(client, &[Standing::Member]),
                    _ => Ok(()),
                });
            }
            Action::Log { .. } => {}
        }
    }

    /// A blank that names a client is filled with what its server told it, so it has to be there.
    fn check_blanks(&mut self, step: &Step) {
        let patterns = |patterns: &[Pattern]| -> Vec<Template> {
            let exact = patterns.iter().filter_map(|pattern| match pattern {
                Pattern::Exact(text) => Some(text.clone()),
                Pattern::Regex(_) => None,
            });
            exact.collect()
        };
        let texts: Vec<Template> = match &step.action {
            Action::Send { lines, .. } => lines.clone(),
            Action::Receive { patterns: lines, .. } => patterns(lines),
            Action::Log { pattern, .. } => patterns(std::slice::from_ref(pattern)),
            Action::Login { who, .. } => {
                let joins = who.iter().filter_map(|who| match &self.scenario.clients[*who].part {
                    Part::Join { group, .. } => Some(group.clone()),
                    _ => None,
                });
                joins.collect()
            }
            _ => Vec::new(),
        };
        let scenario = self.scenario;
        let named: Vec<&str> = texts.iter().flat_map(Template::clients).collect();
        let named = scenario
            .clients
            .iter()
            .enumerate()
            .filter(|(_, client)| named.contains(&client.key.as_str()));
        let away: Vec<ClientId> = named
            .map(|(client, _)| client)
            .filter(|client| matches!(self.standing[*client], Standing::Away))
            .collect();
        self.each(&away, step, |plot, client| plot.need(client, &[Standing::Member]));
    }

    /// Does something for each client, and notes the first error with its step.
    fn each(
        &mut self,
        who: &[ClientId],
        step: &Step,
        mut act: impl FnMut(&mut Self, ClientId) -> Result<(), (String, String)>,
    ) {
        for client in who {
            if let Err((message, help)) = act(self, *client) {
                let error = Diagnostic::new(step.span.clone(), message, "this step cannot be");
                self.errors.push(error.help(help));
                return;
            }
        }
    }

    fn key(&self, client: ClientId) -> &str {
        &self.scenario.clients[client].key
    }

    /// Fails unless the client stands in one of these places.
    fn need(&self, client: ClientId, places: &[Standing]) -> Result<(), (String, String)> {
        let standing = self.standing[client];
        if places.contains(&standing) {
            return Ok(());
        }
        let key = self.key(client);
        let help = match standing {
            Standing::Away if self.scenario.clients[client].is_terminal() => {
                format!("it comes with {{ {key} = \"login\" }}")
            }
            Standing::Away => format!("it comes with {{ {key} = \"connect\" }}"),
            _ => "only who is there can do this".to_owned(),
        };
        Err((format!("`{key}` {}", standing.words()), help))
    }

    fn connect(&mut self, client: ClientId) -> Result<(), (String, String)> {
        if self.scenario.clients[client].is_terminal() {
            let message = format!("`{}` has answers for the terminal program", self.key(client));
            return Err((
                message,
                "use \"login\", or define it as `{}` for a bare connection".into(),
            ));
        }
        self.need(client, &[Standing::Away, Standing::Gone])?;
        self.standing[client] = Standing::Connected;
        Ok(())
    }

    fn login(&mut self, client: ClientId, admission: &Admission) -> Result<(), (String, String)> {
        self.need(client, &[Standing::Away, Standing::Gone])?;
        self.standing[client] = match (&self.scenario.clients[client].part, admission) {
            (Part::Wire, _) => {
                let message = format!("`{}` has no answers to log in with", self.key(client));
                let help = "give it a name, a password and create or join; or use \"connect\"";
                return Err((message, help.to_owned()));
            }
            (Part::Choose { .. }, _) => Standing::Ending,
            (_, Admission::Admitted { .. }) => Standing::Member,
            (_, Admission::Refused(_)) => Standing::Refused,
        };
        Ok(())
    }

    fn send(&mut self, client: ClientId, raw: bool) -> Result<(), (String, String)> {
        let places = [Standing::Connected, Standing::Member, Standing::Stalled, Standing::Refused];
        self.need(client, if raw { &places[..3] } else { &places })?;
        if self.standing[client] == Standing::Refused {
            self.standing[client] = Standing::Ending;
        }
        Ok(())
    }

    fn receive(&mut self, client: ClientId) -> Result<(), (String, String)> {
        let places = [
            Standing::Connected,
            Standing::Member,
            Standing::Refused,
            Standing::Ending,
            Standing::HalfClosed,
        ];
        self.need(client, &places)
    }

    fn leave(&mut self, client: ClientId, how: Departure) -> Result<(), (String, String)> {
        match how {
            Departure::Leave => {
                let places =
                    [Standing::Connected, Standing::Member, Standing::Stalled, Standing::Refused];
                self.need(client, &places)?;
                self.standing[client] = Standing::Gone;
            }
            Departure::Reset => {
                let places = [
                    Standing::Connected,
                    Standing::Member,
                    Standing::Stalled,
                    Standing::HalfClosed,
                ];
                self.need(client, &places)?;
                self.standing[client] = Standing::Gone;
            }
            Departure::HalfClose => {
                self.need(client, &[Standing::Connected, Standing::Member])?;
                self.standing[client] = Standing::HalfClosed;
            }
        }
        Ok(())
    }

    fn race(&mut self, client: ClientId, moves: &[RaceMove]) -> Result<(), (String, String)> {
        for step in moves {
            match step {
                RaceMove::Login => {
                    let admitted = Admission::Admitted { name: None };
                    self.login(client, &admitted)?;
                }
                RaceMove::Type(_) => self.need(client, &[Standing::Member])?,
            }
        }
        Ok(())
    }

    fn audience(&mut self, seen_by: &Audience, step: &Step) {
        let Audience::Clients(clients) = seen_by else { return };
        self.each(clients, step, |plot, client| {
            plot.need(client, &[Standing::Member, Standing::Connected])
        });
    }
}
