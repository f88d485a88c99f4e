//! One order for everybody: each message exactly once, from one's own joining on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tokio::task::JoinSet;

use crate::support::{Client, Server};

const TALKERS: usize = 8;
const MESSAGES: usize = 300;

/// Says its messages in pieces of any size, hears everybody's, and returns them in order.
async fn talk(mut client: Client, who: usize, piece: usize) -> Vec<String> {
    let text: String = (0..MESSAGES).map(|number| format!("{number}\n")).collect();
    for piece in text.as_bytes().chunks(piece) {
        client.write(piece).await;
    }
    let mut heard = Vec::new();
    while heard.len() < TALKERS * MESSAGES {
        let line = client.line().await;
        if !line.ends_with(" has connected to the chat room") {
            heard.push(line);
        }
    }
    let own: Vec<_> = heard.iter().filter(|line| line.starts_with(&format!("{who}: "))).collect();
    let expected: Vec<_> = (0..MESSAGES).map(|number| format!("{who}: {number}")).collect();
    assert_eq!(own, expected.iter().collect::<Vec<_>>(), "a speaker's messages keep their order");
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_hear_the_same_in_the_same_order() {
    let server = Server::start();
    let mut clients = vec![server.create("0", "123").await];
    for who in 1..TALKERS {
        clients.push(server.join(2, &who.to_string(), "123").await);
    }
    let mut talks = JoinSet::new();
    for (who, client) in clients.into_iter().enumerate() {
        talks.spawn(talk(client, who, 1 + who * 37));
    }
    let heard = talks.join_all().await;
    for other in &heard[1..] {
        assert_eq!(&heard[0], other);
    }
}

/// Says one number after the other until `enough`, then `end`. Ten are under way at a time.
async fn count_until(enough: Arc<AtomicBool>, mut client: Client) {
    let mut number = 0;
    while !enough.load(Ordering::Relaxed) {
        let ten: String = (number..number + 10).map(|number| format!("{number}\n")).collect();
        client.write(ten).await;
        number += 10;
        let last = format!("Noya: {}", number - 1);
        while client.line().await != last {}
    }
    client.say("end").await;
    while client.line().await != "Noya: end" {}
}

/// Hears numbers, each once and in order, until the `end`.
async fn hear_numbers(mut client: Client) {
    let mut next = None;
    loop {
        let line = client.line().await;
        match line.strip_prefix("Noya: ") {
            None => assert!(line.ends_with(" has connected to the chat room"), "{line}"),
            Some("end") => return,
            Some(number) => {
                let number: u32 = number.parse().unwrap();
                assert_eq!(number, next.unwrap_or(number));
                next = Some(number + 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_in_the_middle_hears_everything_from_then_on() {
    let server = Server::start();
    let enough = Arc::new(AtomicBool::new(false));
    let noya = server.create("Noya", "123").await;
    let counting = tokio::spawn(count_until(Arc::clone(&enough), noya));
    let mut listeners = JoinSet::new();
    for who in 0..50 {
        let client = server.join(2, &format!("listener {who}"), "123").await;
        listeners.spawn(hear_numbers(client));
    }
    enough.store(true, Ordering::Relaxed);
    counting.await.unwrap();
    listeners.join_all().await;
}

/// A step of a random play over a few people in two groups.
#[derive(Debug, Clone)]
enum Step {
    /// Come in, unless there already.
    Join {
        who: usize,
        group: usize,
    },
    /// Say some messages at once; `None` is one that is refused.
    Say {
        who: usize,
        messages: Vec<Option<u8>>,
    },
    Leave {
        who: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..5_usize;
    let messages = proptest::collection::vec(proptest::option::weighted(0.8, any::<u8>()), 1..5);
    prop_oneof![
        2 => (who.clone(), 0..2_usize).prop_map(|(who, group)| Step::Join { who, group }),
        4 => (who.clone(), messages).prop_map(|(who, messages)| Step::Say { who, messages }),
        1 => who.prop_map(|who| Step::Leave { who }),
    ]
}

/// A person of the play, with the lines that it has still to hear.
struct Person {
    group: usize,
    client: Client,
    due: Vec<String>,
}

async fn play(steps: Vec<Step>) {
    let server = Server::start();
    let mut keepers =
        vec![server.create("keeper 0", "123").await, server.create("keeper 1", "123").await];
    let mut people: Vec<Option<Person>> = (0..5).map(|_| None).collect();
    for step in steps {
        match step {
            Step::Join { who, group } if people[who].is_none() => {
                let id = 2 + u32::try_from(group).unwrap();
                let client = server.join(id, &format!("P{who}"), "123").await;
                hear(&mut people, group, &format!("P{who} has connected to the chat room"));
                people[who] = Some(Person { group, client, due: Vec::new() });
            }
            Step::Say { who, messages } => say(&mut people, who, &messages).await,
            Step::Leave { who } => {
                let Some(mut person) = people[who].take() else { continue };
                settle(&mut person).await;
                person.client.half_close().await;
                // All that it said was heard before; so it ends with nothing more.
                assert_eq!(person.client.rest().await, "");
                hear(&mut people, person.group, &format!("P{who} has left the chat room!"));
                // Wait until the room knows: the keeper hears it.
                let keeper = &mut keepers[person.group];
                while keeper.line().await != format!("P{who} has left the chat room!") {}
            }
            Step::Join { .. } => {}
        }
    }
    for person in people.iter_mut().flatten() {
        settle(person).await;
    }
    drop((people, keepers));
    server.stop().await;
}

/// Has `who` say `messages`, and waits until they have come back.
async fn say(people: &mut [Option<Person>], who: usize, messages: &[Option<u8>]) {
    let Some(person) = &mut people[who] else { return };
    let mut bytes = Vec::new();
    for message in messages {
        match message {
            Some(number) => bytes.extend(format!("{number}\n").bytes()),
            None => bytes.extend(b"\xff\n"),
        }
    }
    person.client.write(bytes).await;
    let group = person.group;
    for message in messages {
        match message {
            Some(number) => hear(people, group, &format!("P{who}: {number}")),
            None => {
                let refusal = "message refused, it is not valid UTF-8 from byte 1 on".to_owned();
                people[who].as_mut().unwrap().due.push(refusal);
            }
        }
    }
    settle(people[who].as_mut().unwrap()).await;
}

/// Everybody in `group` is due to hear `line`.
fn hear(people: &mut [Option<Person>], group: usize, line: &str) {
    for person in people.iter_mut().flatten().filter(|person| person.group == group) {
        person.due.push(line.to_owned());
    }
}

/// Reads what a person is due to hear, and nothing else.
async fn settle(person: &mut Person) {
    for line in std::mem::take(&mut person.due) {
        person.client.expect(line).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_play_is_heard_as_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(play(steps));
    }
}
