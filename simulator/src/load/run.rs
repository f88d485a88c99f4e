//! One run: a server, the threads with the bots, and the record of it all.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use thiserror::Error;
use tokio::sync::watch;

use super::assemble::{self, Course};
use super::bots::{
    Board, COULD_NOT_JOIN, Clock, Order, Outcome, Progress, Shared, Thread, Waker, read_board,
};
use super::live::{Live, LiveFigures};
use super::meter::Meter;
use super::plan::Plan;
use super::plan::needs::{self, Limits};
use super::plan::totals::Totals;
use super::record::RunRecord;
use super::spec::LoadSpec;
use crate::target::{Target, TargetError, TargetSpec};

/// How a load is carried out, apart from what its file says.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) target: TargetSpec,
    /// How long a server may take to start.
    pub(crate) start_limit: Duration,
    /// How many threads the bots are spread over.
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    /// Which part of the groups this process has, from 1, and of how many.
    pub(crate) part: (u32, u32),
    /// When the first phase is to begin, where several processes begin together.
    pub(crate) start_at: Option<SystemTime>,
    /// The command line, for the record.
    pub(crate) command: String,
}

/// Why a load could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// There is no server.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// This machine does not have what the load needs.
    #[error("{0}")]
    Needs(String),
    /// Nobody could connect.
    #[error("no bot could join {server}: {why}")]
    NobodyJoined {
        /// The server.
        server: String,
        /// What the first of them met.
        why: String,
    },
    /// Something about this machine.
    #[error("failed to prepare the bots: {0}")]
    Io(#[from] io::Error),
}

/// How long before the first phase everybody is told.
const LEAD: Duration = Duration::from_millis(100);

/// How many of the last lines of a server that ended are told.
const LAST_WORDS: usize = 3;

/// How often the display is brought up to date.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often the user has asked for an end. Asked once, the last copies are still waited for.
pub(crate) type StopSignal = watch::Receiver<u32>;

/// Carries a load out on a server of its own, or on the one that is named.
///
/// # Errors
///
/// When there is no server, or no bot could join.
pub(crate) async fn run(
    spec: &LoadSpec,
    settings: &Settings,
    live: &mut Live,
    stop: StopSignal,
) -> Result<RunRecord, RunError> {
    let mut target = settings.target.start(settings.start_limit).await?;
    let record = carry_out(spec, settings, &mut target, live, stop).await;
    target.stop().await;
    record
}

async fn carry_out(
    spec: &LoadSpec,
    settings: &Settings,
    target: &mut Target,
    live: &mut Live,
    mut stop: StopSignal,
) -> Result<RunRecord, RunError> {
    let mut meter = Meter::new(target.process_id());
    let base = meter.read();
    let plan = Arc::new(Plan::new(spec, settings.seed));
    let totals = Totals::new(&plan).of_part(&plan, settings.part);
    let sources = needs::check(&totals, &Limits::raised(), target.addr().ip());
    let sources = sources.map_err(RunError::Needs)?;
    let started = SystemTime::now();
    let shared = Arc::new(Shared {
        spec: spec.clone(),
        plan: Arc::clone(&plan),
        clock: Clock::starting(Instant::now()),
        server: target.addr(),
        sources,
    });
    let groups = groups_of(&plan, settings.part);
    let members = groups.iter().map(|group| u64::from(plan.groups[*group as usize].members));
    live.expect(members.sum());
    let crew = Crew::start(&shared, &groups, settings.threads)?;
    let mut course = Course::new(started, base, crew.threads.len());
    let mut watching = Watching {
        shared: &shared,
        crew: &crew,
        meter,
        live,
        course: &mut course,
        shown: (0, 0, 0),
    };
    if watching.join(target, &mut stop, settings.start_at).await {
        watching.phases(target, &mut stop).await;
    }
    watching.settling(&mut stop).await;
    course.partial =
        course.partial.take().or_else(|| (*stop.borrow() > 0).then(|| "interrupted".to_owned()));
    let outcomes = tokio::task::block_in_place(|| crew.end())?;
    let joined: u32 = outcomes.iter().map(|outcome| outcome.joined).sum();
    if joined == 0 && *stop.borrow() == 0 {
        let why = why_nobody(&outcomes, course.server_ended.as_deref());
        return Err(RunError::NobodyJoined { server: settings.target.describe(), why });
    }
    Ok(assemble::record(&shared, settings, course, outcomes))
}

/// What most of those met who could not join.
fn why_nobody(outcomes: &[Outcome], server_ended: Option<&str>) -> String {
    if let Some(log) = server_ended {
        return format!("the server ended by itself: {log}");
    }
    let doubts = outcomes.iter().flat_map(|outcome| &outcome.doubts);
    let joining = doubts.filter(|(why, _)| why.starts_with(COULD_NOT_JOIN));
    let most = joining.max_by_key(|(_, count)| **count);
    most.map_or("nobody was welcomed".to_owned(), |(why, _)| {
        why.trim_start_matches(COULD_NOT_JOIN).to_owned()
    })
}

/// The numbers of the groups of a part.
fn groups_of(plan: &Plan, (part, of): (u32, u32)) -> Vec<u32> {
    let all = 0..u32::try_from(plan.groups.len()).expect("fewer groups than bots fit in 32 bits");
    all.filter(|number| number % of == part - 1).collect()
}

/// The threads of a run.
struct Crew {
    threads: Vec<Hand>,
}

struct Hand {
    thread: std::thread::JoinHandle<io::Result<Outcome>>,
    orders: Sender<Order>,
    waker: Arc<Waker>,
    board: Board,
}

impl Crew {
    /// Spreads the groups over threads, so that each has about as many bots.
    fn start(shared: &Arc<Shared>, groups: &[u32], threads: usize) -> io::Result<Crew> {
        let mut shares: Vec<(usize, Vec<u32>)> =
            vec![(0, Vec::new()); threads.clamp(1, groups.len().max(1))];
        let size = |group: u32| shared.plan.groups[group as usize].bots.len();
        let mut by_size = groups.to_vec();
        by_size.sort_by_key(|group| std::cmp::Reverse(size(*group)));
        for group in by_size {
            let least = shares.iter_mut().min_by_key(|(bots, _)| *bots);
            let (bots, groups) = least.expect("there is at least one thread");
            *bots += size(group);
            groups.push(group);
        }
        let threads = shares.into_iter().map(|(_, mut groups)| {
            groups.sort_unstable();
            Hand::start(shared, &groups)
        });
        Ok(Crew { threads: threads.collect::<io::Result<_>>()? })
    }

    fn order(&self, order: Order) {
        for hand in &self.threads {
            // A thread that has ended needs no order, and is not woken.
            let _ = hand.orders.send(order);
            let _ = hand.waker.wake();
        }
    }

    fn progress(&self) -> Vec<Progress> {
        self.threads.iter().map(|hand| read_board(&hand.board)).collect()
    }

    /// Whether a thread has ended before its time: then the others are to end, too.
    fn has_lost_one(&self) -> bool {
        self.threads.iter().any(|hand| hand.thread.is_finished())
    }

    fn is_over(&self) -> bool {
        self.threads.iter().all(|hand| hand.thread.is_finished())
    }

    fn end(self) -> io::Result<Vec<Outcome>> {
        let end = |hand: Hand| match hand.thread.join() {
            Ok(outcome) => outcome,
            // It has said why on standard error.
            Err(_) => Err(io::Error::other("a thread of the bots ended with an internal error")),
        };
        self.threads.into_iter().map(end).collect()
    }
}

impl Hand {
    fn start(shared: &Arc<Shared>, groups: &[u32]) -> io::Result<Hand> {
        let (orders, inbox) = channel();
        let board = Board::default();
        let (thread, waker) = Thread::new(Arc::clone(shared), groups, inbox, Arc::clone(&board))?;
        let thread =
            std::thread::Builder::new().name("bots".to_owned()).spawn(move || thread.run())?;
        Ok(Hand { thread, orders, waker, board })
    }
}

/// Follows a run from the outside: the display, the cost of both sides, the user's wish to end.
struct Watching<'r> {
    shared: &'r Shared,
    crew: &'r Crew,
    meter: Meter,
    live: &'r mut Live,
    course: &'r mut Course,
    /// When the figures on the display were true, and how many sends and copies there were then.
    shown: (u64, u64, u64),
}

impl Watching<'_> {
    /// Until everybody is there; says so to everybody. Whether it goes on then.
    async fn join(
        &mut self,
        target: &mut Target,
        stop: &mut StopSignal,
        start_at: Option<SystemTime>,
    ) -> bool {
        let mut next_second_us = SECOND_US;
        loop {
            let progress = self.crew.progress();
            let joined = progress.iter().map(|one| u64::from(one.joined)).sum();
            let failed = progress.iter().map(|one| u64::from(one.failed)).sum();
            self.live.joining(joined, failed);
            let all_there = progress.iter().all(|one| one.all_there);
            if all_there || self.crew.has_lost_one() || self.is_to_end(target, stop) {
                break;
            }
            if self.shared.clock.now_us() >= next_second_us {
                self.course.join_costs.push(self.meter.read());
                next_second_us += SECOND_US;
            }
            look_again(stop, LOOK_EVERY).await;
        }
        let joined = self.crew.progress().iter().any(|one| one.joined > 0);
        let ended = *stop.borrow() > 0 || self.course.server_ended.is_some();
        let goes_on = joined && !ended && !self.crew.has_lost_one();
        let now_us = self.shared.clock.now_us();
        if goes_on {
            let wait = self.wait_for_others(start_at);
            let start_us = now_us + u64::try_from(wait.as_micros()).unwrap_or(0);
            self.course.phases_start_us = start_us;
            self.crew.order(Order::Begin { start_us });
            self.sleep_until(start_us, stop).await;
        } else {
            self.course.phases_start_us = now_us;
            self.crew.order(Order::Stop);
        }
        self.course.join_costs.push(self.meter.read());
        goes_on
    }

    /// How long it is to the first phase, where several processes begin together.
    fn wait_for_others(&mut self, start_at: Option<SystemTime>) -> Duration {
        let Some(start_at) = start_at else { return LEAD };
        let wait = start_at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        if wait < LEAD {
            let late = SystemTime::now().duration_since(start_at).unwrap_or(Duration::ZERO);
            self.course.doubts.push(format!(
                "the joining was over {late:.1?} after --start-at: choose a later time"
            ));
        }
        wait.max(LEAD)
    }

    async fn phases(&mut self, target: &mut Target, stop: &mut StopSignal) {
        let plan = Arc::clone(&self.shared.plan);
        for window in plan.windows() {
            let end_us = self.course.phases_start_us + window.start_us + window.length_us;
            let phase_start_us = plan.phases[window.phase as usize].start_us;
            while self.shared.clock.now_us() < end_us {
                if self.crew.has_lost_one() || self.is_to_end(target, stop) {
                    self.course.ended_us = Some(self.shared.clock.now_us());
                    self.crew.order(Order::Stop);
                    self.course.costs.push(self.meter.read());
                    return;
                }
                self.show(window.phase, phase_start_us);
                let next_us = end_us.min(self.shared.clock.now_us() + SHOW_EVERY_US);
                self.sleep_until(next_us, stop).await;
            }
            self.course.costs.push(self.meter.read());
        }
    }

    fn show(&mut self, phase: u32, phase_start_us: u64) {
        let now_us = self.shared.clock.now_us();
        let elapsed_us = now_us.saturating_sub(self.course.phases_start_us + phase_start_us);
        let figures = self.figures();
        self.live.phase(phase as usize, Duration::from_micros(elapsed_us), figures);
    }

    /// What has changed since the display was last brought up to date.
    fn figures(&mut self) -> LiveFigures {
        let progress = self.crew.progress();
        let mut deliveries = super::figures::empty();
        for one in progress.iter().filter_map(|one| one.deliveries.as_ref()) {
            deliveries.add(one).expect("the histogram grows up to the maximum");
        }
        let quantile = |q| (!deliveries.is_empty()).then(|| deliveries.value_at_quantile(q));
        let sends = progress.iter().map(|one| one.sends).sum();
        let copies = progress.iter().map(|one| one.copies).sum();
        let now_us = progress.iter().map(|one| one.at_us).max().unwrap_or_default();
        let (before_us, sends_before, copies_before) = self.shown;
        self.shown = (now_us, sends, copies);
        let seconds = (now_us.saturating_sub(before_us) as f64 / 1e6).max(1e-3);
        // A new phase counts from nothing.
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        LiveFigures {
            sends_per_s: rate(sends, sends_before),
            copies_per_s: rate(copies, copies_before),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            faults: progress.iter().map(|one| one.faults).sum(),
        }
    }

    async fn settling(&mut self, stop: &mut StopSignal) {
        self.live.settling();
        // The first time, the last copies are still waited for.
        let mut obeyed = (*stop.borrow()).max(1);
        while !self.crew.is_over() {
            look_again(stop, LOOK_EVERY).await;
            let asked = *stop.borrow();
            if asked > obeyed {
                obeyed = asked;
                self.course.partial =
                    Some("interrupted while the last copies were on their way".to_owned());
                self.crew.order(Order::Stop);
            }
        }
    }

    /// Whether the run is to end before its time, and why.
    fn is_to_end(&mut self, target: &mut Target, stop: &StopSignal) -> bool {
        if *stop.borrow() > 0 {
            self.course.partial = Some("interrupted".to_owned());
            return true;
        }
        let Some(status) = target.ended() else { return false };
        let tail = target.log().map(|log| log.tail()).unwrap_or_default();
        let last: Vec<&str> =
            tail.iter().rev().take(LAST_WORDS).rev().map(String::as_str).collect();
        let said = if last.is_empty() { "nothing".to_owned() } else { last.join(" | ") };
        self.course.server_ended = Some(format!("{status}; it said last: {said}"));
        true
    }

    async fn sleep_until(&self, at_us: u64, stop: &mut StopSignal) {
        look_again(stop, self.shared.clock.until(at_us)).await;
    }
}

const SECOND_US: u64 = 1_000_000;

/// How often the figures on the display change.
const SHOW_EVERY_US: u64 = 200_000;

/// Waits, or less if the user wants an end.
async fn look_again(stop: &mut StopSignal, wait: Duration) {
    if *stop.borrow() > 0 {
        return tokio::time::sleep(wait.min(LOOK_EVERY)).await;
    }
    // When nobody can stop the run any more, it goes on.
    let _ = tokio::time::timeout(wait, stop.wait_for(|asked| *asked > 0)).await;
}
