//! Runs a chat server with one fault, or with none.

use std::io::{self, Write};
use std::net::SocketAddr;

use chatroom_tests::flawed::{Fault, FlawedServer, Log};
use clap::Parser;

/// A chat server with exactly one fault, to try a judge of chat servers on.
#[derive(Debug, Parser)]
struct Options {
    /// The fault; none unless given
    #[arg(long, value_name = "NAME")]
    fault: Option<Fault>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Show every fault, with the requirement it breaks, and end
    #[arg(long)]
    list: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let mut out = io::stdout();
    if options.list {
        for fault in Fault::ALL {
            writeln!(out, "{fault:36} {:8} {}", fault.requirement(), fault.about())?;
        }
        return Ok(());
    }
    let server = FlawedServer::listen(options.listen, options.fault, Log::Stderr)?;
    writeln!(out, "listening on {}", server.addr())?;
    server.wait();
    Err(io::Error::other("the server has ended by itself"))
}
