//! One measurement: a design in a fresh process, under one load, or idle.

use std::io;

use crate::child::Server;
use crate::design::Design;
use crate::driver::Driver;
use crate::load::{Load, WARM_UP};
use crate::softirq;

/// Members that are there before memory is looked at, so that what is needed once is left out.
const FIRST_MEMBERS: usize = 500;
const IDLE_MEMBERS: usize = 4_000;

/// What a load costs.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// The server's processor time for one delivery, with the kernel's deferred work.
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Measures; or says what was wrong with what the members got.
pub(crate) fn cost(design: &Design, load: &Load) -> Result<Cost, String> {
    let mut server = Server::start(design).map_err(failed)?;
    let mut driver = Driver::new().map_err(failed)?;
    driver.connect(server.address, load.members).map_err(failed)?;
    driver.run(load, WARM_UP)?;
    let before = cpu_nanos(&mut server).map_err(failed)?;
    let figures = driver.run(load, load.length)?;
    let cpu_nanos = cpu_nanos(&mut server).map_err(failed)? - before;
    let quantile = |quantile| figures.latencies.value_at_quantile(quantile) as f64;
    Ok(Cost {
        cpu_us: cpu_nanos as f64 / 1_000.0 / figures.deliveries as f64,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
    })
}

/// The resident memory of an idle member, in KiB, where the system tells.
pub(crate) fn memory(design: &Design) -> Result<Option<f64>, String> {
    let server = Server::start(design).map_err(failed)?;
    let mut driver = Driver::new().map_err(failed)?;
    driver.connect(server.address, FIRST_MEMBERS).map_err(failed)?;
    let before = server.resident_bytes();
    driver.connect(server.address, IDLE_MEMBERS).map_err(failed)?;
    let more = server.resident_bytes().zip(before).map(|(all, before)| all.saturating_sub(before));
    Ok(more.map(|bytes| bytes as f64 / 1024.0 / IDLE_MEMBERS as f64))
}

/// The processor time of the server, with what the kernel does for it elsewhere.
fn cpu_nanos(server: &mut Server) -> io::Result<i64> {
    Ok(server.cpu_nanos()? + softirq::nanos())
}

fn failed(error: io::Error) -> String {
    format!("it cannot be measured: {error}")
}
