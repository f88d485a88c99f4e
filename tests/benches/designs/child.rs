//! A design in a process of its own, so that its processor time and memory are nobody else's.
//!
//! The child prints its port. Then it answers each line on its standard input with the processor time
//! that it has used, in nanoseconds, and ends with its standard input, or by itself after a minute.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::design::Design;

/// Far beyond the longest measurement.
const LIFE: Duration = Duration::from_secs(60);

/// How many connections may wait to be accepted.
const LISTEN_BACKLOG: i32 = 4096;

/// Is the child: serves as this design does.
pub(crate) fn serve(design: &Design) -> io::Result<()> {
    let listener = listen()?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    std::thread::spawn(|| {
        std::thread::sleep(LIFE);
        std::process::exit(1);
    });
    std::thread::spawn(|| {
        // However it ends, whoever started this process has gone.
        let _ = answer();
        std::process::exit(0);
    });
    (design.serve)(listener)
}

fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

fn answer() -> io::Result<()> {
    for line in io::stdin().lines() {
        line?;
        writeln!(io::stdout(), "{}", cpu_nanos())?;
    }
    Ok(())
}

#[cfg(unix)]
fn cpu_nanos() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(not(unix))]
fn cpu_nanos() -> i64 {
    0
}

/// A child that serves, as its parent sees it. It is ended when this is dropped.
pub(crate) struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(design: &Design) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", design.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Server { child, stdin, stdout, address };
        let port = server.read_number()?;
        server.address.set_port(u16::try_from(port).map_err(io::Error::other)?);
        Ok(server)
    }

    /// The processor time that it has used, in nanoseconds.
    pub(crate) fn cpu_nanos(&mut self) -> io::Result<i64> {
        writeln!(self.stdin)?;
        self.read_number()
    }

    fn read_number(&mut self) -> io::Result<i64> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        line.trim().parse().map_err(io::Error::other)
    }

    /// Its resident memory, in bytes; counted page by page, because the cheaper figure is a rough one.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails only where the child has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
