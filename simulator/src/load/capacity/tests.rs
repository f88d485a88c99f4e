//! The search against made-up servers, of which the limit is known.

use super::search::{Answer, End, ProbeResult, Quantity, Search, Settings, Step};

use ProbeResult::{Failed, Held, Untrusted};

/// Carries out a search on a server that answers by itself.
fn search(settings: Settings, mut server: impl FnMut(f64) -> ProbeResult) -> Answer {
    let mut search = Search::new(settings);
    loop {
        match search.next() {
            Step::Done(answer) => return answer,
            Step::Probe { value, .. } => search.record(server(value)),
        }
        assert!(search.probes().len() <= 1000, "the search does not end");
    }
}

fn sharp(limit: f64) -> impl Fn(f64) -> ProbeResult {
    move |value| if value <= limit { Held } else { Failed }
}

fn values(answer: &Answer) -> Vec<f64> {
    answer.probes.iter().map(|probe| probe.value).collect()
}

#[test]
fn it_doubles_bisects_and_confirms() {
    let answer = search(Settings::from(Quantity::Rate, 1000.0), sharp(3000.0));
    assert_eq!(
        values(&answer),
        [
            1000.0, 2000.0, 4000.0, 4000.0, // brackets
            2828.0, 3363.0, 3363.0, 3084.0, 3084.0,
            2953.0, // bisects; what fails is tried again
            2953.0, 2953.0 // confirms
        ]
    );
    assert_eq!((answer.held, answer.failed), (Some(2953.0), Some(3084.0)));
    assert_eq!(answer.end, End::Found);
}

#[test]
fn it_halves_when_the_start_is_too_much() {
    let answer = search(Settings::from(Quantity::Crowd, 100.0), sharp(7.0));
    assert_eq!((answer.held, answer.failed, answer.end), (Some(7.0), Some(8.0), End::Found));
}

#[test]
fn a_sharp_limit_is_found_wherever_it_is() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2000 {
        let limit = 10_f64.powf(1.0 + random.f64() * 5.0);
        let start = 10_f64.powf(1.0 + random.f64() * 5.0);
        for quantity in [Quantity::Rate, Quantity::Crowd] {
            let settings = Settings { max_probes: 80, ..Settings::from(quantity, start) };
            let answer = search(settings, sharp(limit));
            let held = answer.held.expect("it is above the lowest value");
            let failed = answer.failed.expect("it is below some value");
            assert_eq!(answer.end, End::Found);
            assert!(held <= limit && limit < failed, "{held} {limit} {failed}");
            let near = failed <= held * 1.051;
            assert!(
                near || (quantity == Quantity::Crowd && failed - held <= 1.0),
                "{held} {failed}"
            );
            let confirmed = answer.probes.iter().filter(|probe| probe.confirm).count();
            assert_eq!(confirmed, 2);
        }
    }
}

#[test]
fn a_crowd_is_always_whole() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..500 {
        let limit = 1.0 + random.f64() * 300.0;
        let start = random.f64() * 300.0;
        let answer = search(Settings::from(Quantity::Crowd, start), sharp(limit));
        assert!(values(&answer).iter().all(|value| value.fract() == 0.0 && *value >= 1.0));
    }
}

#[test]
fn a_server_that_hesitates_near_its_limit_is_found_nearly_there() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut near = 0;
    for _ in 0..1000 {
        let limit = 5000.0;
        // From all at 10 % below the limit to none at 10 % above; and one probe of fifty fails anyway.
        let answer = search(Settings::from(Quantity::Rate, 300.0), |value| {
            let chance = ((limit * 1.1 - value) / (limit * 0.2)).clamp(0.0, 1.0);
            if random.f64() < chance * 0.98 { Held } else { Failed }
        });
        let held = answer.held.expect("something holds");
        assert!(held <= limit * 1.1, "what never holds was confirmed");
        near += usize::from((limit * 0.8..limit * 1.06).contains(&held));
    }
    assert!(near >= 970, "{near} of 1000");
}

#[test]
fn one_stray_failure_far_below_the_limit_changes_nothing() {
    for stray in 0..4 {
        let mut probes = 0;
        let answer = search(Settings::from(Quantity::Rate, 100.0), |value| {
            probes += 1;
            if probes == stray + 1 { Failed } else { sharp(10_000.0)(value) }
        });
        assert!(answer.held.is_some_and(|held| held > 9500.0), "{answer:?}");
        assert!(answer.failed.is_some_and(|failed| failed > 10_000.0), "{answer:?}");
    }
}

#[test]
fn a_value_that_is_not_confirmed_gives_way_to_a_lower_one() {
    let mut confirming = false;
    let mut search = Search::new(Settings::from(Quantity::Rate, 1000.0));
    while let Step::Probe { value, confirm } = search.next() {
        // The server tires: once it was at its limit, it holds less.
        confirming |= confirm;
        search.record(sharp(if confirming { 2500.0 } else { 3000.0 })(value));
    }
    let Step::Done(answer) = search.next() else { panic!("it is over") };
    assert_eq!((answer.held, answer.failed), (Some(2403.0), Some(2530.0)), "{answer:?}");
    let last: Vec<f64> = values(&answer).into_iter().skip(10).collect();
    assert_eq!(last, [2953.0, 2805.0, 2664.0, 2530.0, 2403.0, 2403.0]);
}

#[test]
fn a_generator_that_cannot_do_more_makes_it_at_least() {
    let answer =
        search(
            Settings::from(Quantity::Rate, 100.0),
            |value| {
                if value > 900.0 { Untrusted } else { Held }
            },
        );
    assert_eq!((answer.end, answer.failed), (End::Generator, None));
    assert!(answer.end.at_least());
    assert!(answer.held.is_some_and(|held| (855.0..=900.0).contains(&held)), "{answer:?}");

    let answer = search(Settings::from(Quantity::Rate, 100.0), |value| {
        if value > 900.0 { Untrusted } else { sharp(500.0)(value) }
    });
    assert_eq!(answer.end, End::Found, "the server's limit came first: {answer:?}");
}

#[test]
fn the_most_that_can_be_asked_is_asked_and_no_more() {
    let settings = Settings { most: Some(1500.0), ..Settings::from(Quantity::Crowd, 1000.0) };
    let answer = search(settings, |_| Held);
    assert_eq!(values(&answer), [1000.0, 1500.0, 1500.0, 1500.0]);
    assert_eq!((answer.held, answer.failed, answer.end), (Some(1500.0), None, End::Most));
}

#[test]
fn a_server_that_holds_nothing_is_a_failure_and_not_a_capacity() {
    let answer = search(Settings::from(Quantity::Crowd, 10.0), |_| Failed);
    assert_eq!((answer.held, answer.failed, answer.end), (None, Some(1.0), End::NothingHeld));
    let answer = search(Settings::from(Quantity::Crowd, 10.0), |_| Untrusted);
    assert_eq!((answer.held, answer.failed, answer.end), (None, None, End::NothingMeasured));
}

#[test]
fn it_always_ends_whatever_the_server_says_and_however_it_is_set() {
    let mut random = fastrand::Rng::with_seed(4);
    let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.5, 1.0, 7.3, 1e4, 1e9];
    for _ in 0..5000 {
        let mut any = || odd[random.usize(..odd.len())];
        let (start, least, most, precision) = (any(), any(), any(), any());
        let quantity = if random.bool() { Quantity::Rate } else { Quantity::Crowd };
        let settings = Settings {
            quantity,
            start,
            least,
            most: random.bool().then_some(most),
            precision,
            confirmations: random.u32(..4),
            max_probes: random.u32(..60),
        };
        let answer = search(settings, |value| {
            assert!(value.is_finite() && value > 0.0, "{settings:?} asks for {value}");
            [Held, Failed, Untrusted][random.usize(..3)]
        });
        assert!(answer.probes.len() <= settings.max_probes.max(1) as usize);
        if let (Some(held), Some(failed)) = (answer.held, answer.failed) {
            assert!(held < failed, "{answer:?}");
        }
        assert_eq!(
            answer.held.is_some(),
            matches!(answer.end, End::Found | End::Generator | End::Most)
        );
    }
}
