//! Runs a chat server that delays chosen copies, is slower than it could be, or spoils something.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use chatroom_tests::tampering::{Delay, Fault, Settings, Tampering, TamperingServer};
use clap::Parser;
use tokio::sync::oneshot;

/// The exit status where the server cannot start; it is the one of wrong options, too. 1 is a crash.
const NOT_STARTED: u8 = 2;

/// A chat server that is right and fast, and tampers with what it is told to, to try a measure of chat
/// servers on. At its end it says on standard error what it has done, and how often
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// End when standard input ends, too
    #[arg(long)]
    until_stdin_closes: bool,
    /// Hold back some copies: each is written so long after its message was read
    #[arg(long, value_name = "TIME", requires = "delay_every", value_parser = humantime::parse_duration)]
    delay: Option<Duration>,
    /// Hold back each so many copies to a member one
    #[arg(long, value_name = "K", requires = "delay")]
    delay_every: Option<NonZeroU64>,
    /// Hold back every copy
    #[arg(long, value_name = "TIME", conflicts_with = "delay", value_parser = humantime::parse_duration)]
    delay_all: Option<Duration>,
    /// Use so much more processor time for a delivery than it takes, such as 20%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    slower: Option<f64>,
    /// What to do wrong; nothing unless given
    #[arg(long, value_name = "NAME", requires = "nth")]
    fault: Option<Fault>,
    /// At which message of the group, from 1
    #[arg(long, value_name = "N", requires = "fault")]
    nth: Option<NonZeroU64>,
    /// How often in a group: at the N-th message, the 2N-th and so on
    #[arg(long, value_name = "T", default_value_t = 1)]
    times: u64,
    /// To which member, in the order of joining, from 1; the next one if that is the sender
    #[arg(long, value_name = "K", default_value = "2", value_parser = clap::value_parser!(u32).range(1..))]
    receiver: u32,
    /// In every group, and not only in the first
    #[arg(long)]
    every_group: bool,
    /// Show every fault with what it does, and end
    #[arg(long)]
    list: bool,
}

impl Options {
    fn settings(&self) -> Settings {
        let every = self.delay_every.unwrap_or(NonZeroU64::MIN);
        let delay = self.delay.or(self.delay_all).map(|by| Delay { by, every });
        let tampering = self.fault.zip(self.nth).map(|(fault, nth)| Tampering {
            fault,
            nth,
            times: self.times,
            receiver: self.receiver as usize,
            every_group: self.every_group,
        });
        let slower = self.slower.unwrap_or_default();
        Settings { listen: self.listen, delay, slower, tampering }
    }
}

/// Reads `20%` as 0.2.
fn share(text: &str) -> Result<f64, String> {
    if !cfg!(unix) {
        return Err(
            "it needs a clock of a thread's processor time, and on this system none is known"
                .into(),
        );
    }
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let share =
        number.filter(|number| (0.0..=10_000.0).contains(number)).map(|number| number / 100.0);
    share.ok_or_else(|| {
        "a share is a number from 0 to 10000 with a percent sign, such as 20%".into()
    })
}

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    let mut out = io::stdout();
    if options.list {
        for fault in Fault::ALL {
            writeln!(out, "{fault:24} {}", fault.about())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Each client takes a descriptor, and the usual limit is low. Where it cannot be raised, the
    // server takes as many clients as it can.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut server = match TamperingServer::start(options.settings()) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("failed to listen on {}: {error}", options.listen);
            return Ok(ExitCode::from(NOT_STARTED));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let stop = stop_signal(options.until_stdin_closes)?;
        // Only now, so that whoever reads it may end the server at once.
        writeln!(out, "listening on {}", server.addr())?;
        out.flush()?;
        tokio::select! {
            () = server.crashed() => io::Result::Ok(ExitCode::FAILURE),
            () = stop => Ok(ExitCode::SUCCESS),
        }
    })?;
    report(&options, &server);
    Ok(status)
}

/// Says what was done, so that a test can compare it with what was found.
fn report(options: &Options, server: &TamperingServer) {
    let injected = server.injected();
    if let Some(fault) = options.fault {
        eprintln!("injected {fault} {}", injected.times);
        eprintln!("copies {fault} {}", injected.copies);
    }
    if options.delay.or(options.delay_all).is_some() {
        eprintln!("delayed {}", injected.delayed);
        let late = server.lateness();
        let [p50, p99] = [0.5, 0.99].map(|quantile| late.value_at_quantile(quantile));
        eprintln!("late by us p50 {p50} p99 {p99} max {}", late.max());
    }
}

/// Catches the signals from now on, and returns what waits for the first reason to end.
fn stop_signal(until_stdin_closes: bool) -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let end_of_stdin = until_stdin_closes.then(end_of_stdin);
    let stdin = async move {
        match end_of_stdin {
            // The thread sends before it ends.
            Some(end) => drop(end.await),
            None => std::future::pending().await,
        }
    };
    Ok(async move {
        #[cfg(unix)]
        let terminated = terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            _ = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
            () = stdin => {}
        }
    })
}

/// Waits for the end of standard input in a thread of its own.
fn end_of_stdin() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // A standard input that cannot be read has ended, too.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    end
}
