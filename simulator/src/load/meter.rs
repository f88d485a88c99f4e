//! What processes use, and what machine this is, as the operating system tells it.

use std::collections::BTreeSet;
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::record::{Cost, Machine};

/// Reads what a server, with everything it started, and this process use.
#[derive(Debug)]
pub(crate) struct Meter {
    system: System,
    server: Option<Pid>,
    own: Pid,
    /// The server's processes: the one that was started, and those that it started.
    family: Vec<Pid>,
    last_server_cpu_us: u64,
    last_own_cpu_us: u64,
}

/// What was used since the last reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) server: Option<Cost>,
    pub(crate) generator: Cost,
}

impl Meter {
    /// A meter for the server with this process id, if it is known.
    pub(crate) fn new(server: Option<u32>) -> Self {
        let mut meter = Meter {
            system: System::new(),
            server: server.map(Pid::from_u32),
            own: Pid::from_u32(std::process::id()),
            family: Vec::new(),
            last_server_cpu_us: 0,
            last_own_cpu_us: 0,
        };
        meter.find_family();
        meter
    }

    /// A server that was started through another program (a shell, cargo) is that one's child.
    fn find_family(&mut self) {
        let Some(server) = self.server else { return };
        let nothing = ProcessRefreshKind::nothing().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing);
        let mut family = BTreeSet::from([server]);
        loop {
            let processes = self.system.processes().values();
            let children = processes
                .filter(|process| process.parent().is_some_and(|parent| family.contains(&parent)));
            let grown: BTreeSet<Pid> =
                children.map(sysinfo::Process::pid).chain(family.iter().copied()).collect();
            if grown.len() == family.len() {
                break;
            }
            family = grown;
        }
        self.family = family.into_iter().collect();
    }

    /// What was used since the last reading; the first says what was used ever.
    pub(crate) fn read(&mut self) -> Reading {
        let mut all = self.family.clone();
        all.push(self.own);
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&all), true, what);
        let (own_cpu_us, own_rss_bytes) = self.used_by(&[self.own]);
        let generator = Cost {
            cpu_us: own_cpu_us.saturating_sub(self.last_own_cpu_us),
            rss_bytes: own_rss_bytes,
        };
        self.last_own_cpu_us = own_cpu_us;
        let server = self.server.map(|_| {
            let (cpu_us, rss_bytes) = self.used_by(&self.family);
            let since = cpu_us.saturating_sub(self.last_server_cpu_us);
            self.last_server_cpu_us = cpu_us.max(self.last_server_cpu_us);
            Cost { cpu_us: since, rss_bytes }
        });
        Reading { server, generator }
    }

    fn used_by(&self, pids: &[Pid]) -> (u64, u64) {
        let known = pids.iter().filter_map(|pid| self.system.process(*pid));
        known.fold((0, 0), |(cpu_us, rss_bytes), process| {
            let cpu = precise_cpu(process.pid())
                .unwrap_or_else(|| Duration::from_millis(process.accumulated_cpu_time()));
            let micros = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
            (cpu_us + micros, rss_bytes + process.memory())
        })
    }
}

/// The processor time that a process has used, its ended threads included, where the system has a
/// clock for it; what it shows to everybody comes in steps of ten milliseconds.
#[cfg(target_os = "linux")]
fn precise_cpu(pid: Pid) -> Option<Duration> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid.as_u32()).ok()?);
    Some(nix::time::ClockId::pid_cpu_clock_id(pid).ok()?.now().ok()?.into())
}

#[cfg(not(target_os = "linux"))]
fn precise_cpu(_: Pid) -> Option<Duration> {
    None
}

/// The machine that this is.
pub(crate) fn machine() -> Machine {
    let mut system = System::new();
    system.refresh_memory();
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let name = System::long_os_version().or_else(System::name);
    let kernel = System::kernel_version().unwrap_or_default();
    Machine {
        cpu: cpu.filter(|cpu| !cpu.is_empty()).unwrap_or_else(|| "unknown".to_owned()),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        memory_bytes: system.total_memory(),
        os: format!("{} {kernel}", name.unwrap_or_else(|| std::env::consts::OS.to_owned())),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// In steps of ten milliseconds, most of these would be none.
    #[test]
    fn a_millisecond_of_processor_time_is_seen() {
        let used = || precise_cpu(Pid::from_u32(std::process::id())).unwrap();
        let mut meter = Meter::new(None);
        meter.read();
        for _ in 0..5 {
            let start = used();
            while used() - start < Duration::from_millis(1) {}
            let cost = meter.read().generator;
            assert!(cost.cpu_us >= 1000, "{} us", cost.cpu_us);
        }
    }
}
