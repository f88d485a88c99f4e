//! A [`LoadSpec`] as the text of a load file.
//!
//! A load that was made from another one, such as the probe of a search, is recorded like any other: with
//! a text that reads back to exactly what was carried out.

use std::time::Duration;

use toml::Value;

use super::{
    Crowd, Dribblers, Knockers, Leavers, LoadSpec, Messages, Phase, Roles, Shape, Share, Sizes,
    Spacing, Stalled, Trust,
};
use crate::load::record::FaultKind;

/// The load file that says the same as `spec`.
#[must_use]
pub fn to_text(spec: &LoadSpec) -> String {
    let mut text = Text::default();
    text.pair("title", &string(&spec.title));
    text.pair("settle", &time(spec.settle));
    text.pair("allow", &list(spec.allow.iter().copied().map(FaultKind::as_str)));
    text.pair("gates", &list(spec.gates.iter().map(String::as_str)));
    text.crowd(&spec.crowd);
    text.roles(&spec.roles, &spec.phases);
    text.messages(&spec.messages);
    spec.phases.iter().for_each(|phase| text.phase(phase));
    text.trust(&spec.trust);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn pair(&mut self, key: &str, value: &Value) {
        self.0 += &format!("{key} = {value}\n");
    }

    fn table(&mut self, header: &str) {
        self.0 += &format!("\n{header}\n");
    }

    fn crowd(&mut self, crowd: &Crowd) {
        self.table("[crowd]");
        self.pair("bots", &Value::Integer(crowd.bots.into()));
        self.pair("groups", &Value::Integer(crowd.groups.into()));
        let sizes = match crowd.sizes {
            Sizes::Even => "even",
            Sizes::Skewed => "skewed",
        };
        self.pair("sizes", &string(sizes));
        self.pair("arrive", &string(&crowd.arrive.to_string()));
    }

    fn roles(&mut self, roles: &Roles, phases: &[Phase]) {
        self.table("[roles]");
        self.pair("talkers", &share(roles.talkers));
        if let Some(Stalled { share: part, from }) = &roles.stalled {
            self.role("stalled", *part, [("from", string(&phases[*from].name))]);
        }
        if let Some(Dribblers { share: part, every, piece, pause }) = &roles.dribblers {
            let rest = [
                ("every", time(*every)),
                ("piece", Value::Integer((*piece).into())),
                ("pause", time(*pause)),
            ];
            self.role("dribblers", *part, rest);
        }
        if let Some(Leavers { share: part, stay, away }) = &roles.leavers {
            self.role("leavers", *part, [("stay", time(*stay)), ("away", time(*away))]);
        }
        if let Some(Knockers { share: part, every }) = &roles.knockers {
            self.role("knockers", *part, [("every", time(*every))]);
        }
    }

    fn role<const N: usize>(&mut self, role: &str, part: Share, rest: [(&str, Value); N]) {
        let all = [("share", share(part))].into_iter().chain(rest);
        let all: Vec<String> = all.map(|(key, value)| format!("{key} = {value}")).collect();
        self.0 += &format!("{role} = {{ {} }}\n", all.join(", "));
    }

    fn messages(&mut self, messages: &Messages) {
        self.table("[messages]");
        let sizes = [messages.min_bytes, messages.max_bytes];
        let sizes = sizes.map(|bytes| Value::Integer(bytes.into()));
        self.pair("bytes", &Value::Array(sizes.into()));
        let spacing = match messages.spacing {
            Spacing::Even => "even",
            Spacing::Random => "random",
        };
        self.pair("spacing", &string(spacing));
    }

    fn phase(&mut self, phase: &Phase) {
        self.table("[[phase]]");
        self.pair("name", &string(&phase.name));
        self.pair("for", &time(phase.length));
        match &phase.shape {
            Shape::Steady(rate) => self.pair("rate", &string(&rate.to_string())),
            Shape::Ramp(from, to) => {
                self.pair("ramp", &list([from.to_string(), to.to_string()].iter()));
            }
            Shape::Saturate(depth) => self.pair("saturate", &Value::Integer((*depth).into())),
        }
        self.pair("measured", &Value::Boolean(phase.measured));
    }

    fn trust(&mut self, trust: &Trust) {
        self.table("[trust]");
        self.pair("lateness_p99", &time(trust.lateness_p99));
        self.pair("busy", &string(&percent_of(trust.busy)));
    }
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list(texts: impl Iterator<Item = impl AsRef<str>>) -> Value {
    Value::Array(texts.map(|text| string(text.as_ref())).collect())
}

fn time(time: Duration) -> Value {
    string(&super::values::words(time))
}

fn share(share: Share) -> Value {
    match share {
        Share::Count(count) => Value::Integer(count.into()),
        Share::Percent(percent) => string(&format!("{percent}%")),
    }
}

/// A share of 1 in percent, with as many digits as it takes to read back the same number.
fn percent_of(share: f64) -> String {
    let written = |digits: usize| format!("{:.digits$}", share * 100.0);
    let same = |text: &String| text.parse().is_ok_and(|percent: f64| percent / 100.0 == share);
    let exact = (0..17).map(written).find(same);
    exact.unwrap_or_else(|| (share * 100.0).to_string()) + "%"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Source;
    use crate::load::spec::load;

    /// Everything but the text that it was read from.
    fn meaning(spec: &LoadSpec) -> String {
        format!("{:#?}", LoadSpec { source: Source::new("", ""), ..spec.clone() })
    }

    #[track_caller]
    fn assert_reads_back(text: &str) {
        let spec = load(&Source::new("a.toml", text)).expect("the load is right");
        let written = to_text(&spec);
        let again = load(&Source::new("b.toml", written.as_str()));
        let again = again.unwrap_or_else(|errors| panic!("{errors:?} in\n{written}"));
        assert_eq!(meaning(&again), meaning(&spec), "{written}");
    }

    #[test]
    fn every_shipped_load_reads_back() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/load");
        let files = std::fs::read_dir(folder).expect("the folder is there");
        let texts: Vec<String> = files
            .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"))
            .collect();
        assert!(texts.len() > 3);
        texts.iter().for_each(|text| assert_reads_back(text));
    }

    #[test]
    fn everything_that_can_be_said_reads_back() {
        assert_reads_back(
            r#"
            title = "A \"quoted\" \\ title"
            settle = "1s 250ms"
            allow = ["lost", "reordered"]
            gates = ["main.delivery.p99 < 20ms", "steps-2.delivery.p50 < 3 * main"]
            [crowd]
            bots = 100
            groups = 7
            sizes = "skewed"
            arrive = "33.3/s"
            [roles]
            talkers = "12.5%"
            stalled = { share = 3, from = "main" }
            dribblers = { share = "1%", every = "3s", piece = 40, pause = "1500us" }
            leavers = { share = 2, stay = "1s", away = "20ms" }
            knockers = { share = 1, every = "70ms" }
            [messages]
            bytes = [64, 200]
            spacing = "random"
            [[phase]]
            name = "warm"
            for = "1500ms"
            rate = "100/min"
            measured = false
            [[phase]]
            name = "main"
            for = "1m"
            ramp = ["0.1/s", "1000/s"]
            [[phase]]
            name = "steps"
            for = "1s"
            steps = ["1/s", "20/s", "300/s"]
            [[phase]]
            name = "full"
            for = "2s"
            saturate = 4
            [trust]
            lateness_p99 = "7ms"
            busy = "57.3%"
            "#,
        );
    }

    #[test]
    fn a_share_reads_back_to_the_same_number() {
        for percent in 0..=1000 {
            let share = f64::from(percent) / 10.0 / 100.0;
            let text = percent_of(share);
            let read: f64 = text.trim_end_matches('%').parse().expect("a number");
            assert!(read / 100.0 == share && text.len() <= 6, "{text}");
        }
    }
}
