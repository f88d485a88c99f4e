//! `latency.hlog`: an interval log as the tools of HdrHistogram read it, a line for each measure of each
//! window.
//!
//! The library writes its lines with milliseconds; windows begin at microseconds, where phases meet also
//! within one millisecond, so that the lines are made here. What is read is checked before the library
//! makes a histogram of it, since that believes every length it finds.

use std::collections::HashMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry,
};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::csv::seconds;
use crate::load::figures::{DIGITS, Latencies, Measure};
use crate::load::record::{RunRecord, WindowRecord};

/// The largest value that a histogram of a run can tell from others: above [`MAX_MICROS`], at the end of
/// the power of two.
///
/// [`MAX_MICROS`]: crate::load::figures::MAX_MICROS
const MAX_VALUE: u64 = u32::MAX as u64;

/// More places than a histogram up to [`MAX_VALUE`] has.
const MAX_PLACES: u64 = 32 * 1024;

/// More samples than a window has. Sums over a whole run cannot overflow.
const MAX_SAMPLES: u64 = 1 << 40;

/// What stands before the counts.
const HEAD_BYTES: usize = 40;

const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

/// The log, and how many histograms are in it.
pub(super) fn render(record: &RunRecord) -> (String, usize) {
    let mut log = "#[Histogram log format version 1.3]\n\
                   #[Values are microseconds; Interval_Max is milliseconds]\n"
        .to_owned();
    if let Ok(started) = record.head.started.parse::<jiff::Timestamp>() {
        let started = started.as_millisecond() as f64 / 1e3;
        log += &format!("#[StartTime: {started:.3} (seconds since epoch)]\n");
        log += &format!("#[BaseTime: {started:.3} (seconds since epoch)]\n");
    }
    log += "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";
    let mut serializer = V2DeflateSerializer::new();
    let mut histograms = 0;
    for (window, latencies) in record.head.windows.iter().zip(&record.latencies) {
        for (measure, histogram) in latencies.iter().filter(|(_, histogram)| !histogram.is_empty())
        {
            let mut bytes = Vec::new();
            serializer.serialize(histogram, &mut bytes).expect("a vector takes everything");
            log += &format!(
                "Tag={},{},{},{:.3},{}\n",
                measure.as_str(),
                seconds(window.start_us),
                seconds(window.length_us),
                histogram.max() as f64 / 1e3,
                STANDARD.encode(bytes)
            );
            histograms += 1;
        }
    }
    (log, histograms)
}

/// Whether [`parse`] would take the histogram.
pub(super) fn can_be_kept(histogram: &Histogram<u64>) -> bool {
    histogram.sigfig() == DIGITS
        && histogram.low() == 1
        && histogram.high() <= MAX_VALUE
        && histogram.len() <= MAX_SAMPLES
}

type Fault = (usize, String);

/// The histograms of the windows, and how many there are. An error has its line.
pub(super) fn parse(log: &str, windows: &[WindowRecord]) -> Result<(Vec<Latencies>, usize), Fault> {
    let mut reader = Reader::new(windows);
    for (index, line) in log.split_inclusive('\n').enumerate() {
        let faulty = |what: String| (index + 1, what);
        match IntervalLogIterator::new(line.as_bytes()).next() {
            Some(Ok(LogEntry::Interval(interval))) => reader.take(&interval).map_err(faulty)?,
            Some(Err(_)) => return Err(faulty("no line of an interval log".to_owned())),
            // Comments, the legend, and the times, which `run.json` has, too.
            Some(Ok(_)) | None => {}
        }
    }
    Ok((reader.latencies, reader.histograms))
}

struct Reader {
    /// The windows with these times, of which at most one has anything.
    windows: HashMap<(u128, u128), usize>,
    latencies: Vec<Latencies>,
    histograms: usize,
}

impl Reader {
    fn new(windows: &[WindowRecord]) -> Self {
        let times = windows.iter().enumerate().map(|(index, window)| {
            ((u128::from(window.start_us), u128::from(window.length_us)), index)
        });
        Reader {
            windows: times.collect(),
            latencies: vec![Latencies::default(); windows.len()],
            histograms: 0,
        }
    }

    fn take(&mut self, interval: &IntervalLogHistogram<'_>) -> Result<(), String> {
        let tag = interval.tag().map_or("", |tag| tag.as_str());
        let measure = Measure::ALL.into_iter().find(|measure| measure.as_str() == tag);
        let measure = measure.ok_or_else(|| format!("`{tag}` is no measure"))?;
        let (start, length) = (interval.start_timestamp(), interval.duration());
        let window = self
            .windows
            .get(&(start.as_micros(), length.as_micros()))
            .ok_or_else(|| format!("no window begins at {start:?} and is {length:?} long"))?;
        let latencies = &mut self.latencies[*window];
        if latencies.get(measure).is_some() {
            return Err(format!(
                "a second histogram `{tag}` of the window that begins at {start:?}"
            ));
        }
        let histogram = decode(interval.encoded_histogram())?;
        latencies.entry(measure).add(&histogram).map_err(|error| error.to_string())?;
        self.histograms += 1;
        Ok(())
    }
}

fn decode(encoded: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(encoded).map_err(|error| format!("no base64: {error}"))?;
    let plain = inflate(&bytes)?;
    check_head(&plain)?;
    check_counts(&plain[HEAD_BYTES..])?;
    let histogram = Deserializer::new().deserialize(&mut plain.as_slice());
    let histogram: Histogram<u64> = histogram.map_err(|error| format!("no histogram: {error}"))?;
    if histogram.is_empty() {
        return Err("a histogram without samples".to_owned());
    }
    Ok(histogram)
}

/// The histogram as it was before it was made small; never more than one can have.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let [a, b, c, d, e, f, g, h, deflated @ ..] = bytes else {
        return Err("a histogram of a few bytes only".to_owned());
    };
    if u32::from_be_bytes([*a, *b, *c, *d]) != COMPRESSED_COOKIE {
        return Err("no compressed histogram of version 2".to_owned());
    }
    if u32::from_be_bytes([*e, *f, *g, *h]) as usize != deflated.len() {
        return Err("a histogram of another length than it says".to_owned());
    }
    let most = HEAD_BYTES as u64 + 9 * MAX_PLACES;
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated)
        .take(most + 1)
        .read_to_end(&mut plain)
        .map_err(|error| format!("cannot be decompressed: {error}"))?;
    if plain.len() as u64 > most {
        return Err("a histogram larger than any of a run".to_owned());
    }
    Ok(plain)
}

/// Checks what the library would believe: it makes room for what the head says.
fn check_head(plain: &[u8]) -> Result<(), String> {
    let wrong = || "a histogram that is none of a run".to_owned();
    let counts = plain.len().checked_sub(HEAD_BYTES).ok_or_else(wrong)?;
    let word = |at: usize| {
        u64::from(u32::from_be_bytes([plain[at], plain[at + 1], plain[at + 2], plain[at + 3]]))
    };
    let long = |at: usize| word(at) << 32 | word(at + 4);
    let right = word(4) == counts as u64
        && word(12) == u64::from(DIGITS)
        && long(16) == 1
        && long(24) <= MAX_VALUE;
    right.then_some(()).ok_or_else(wrong)
}

/// Checks the counts: the library would not notice a sum or a place that overflows.
fn check_counts(mut bytes: &[u8]) -> Result<(), String> {
    let (mut places, mut samples) = (0u64, 0u64);
    while !bytes.is_empty() {
        let (number, rest) = number(bytes).ok_or("a histogram that ends within a count")?;
        bytes = rest;
        if number < 0 {
            places = places.saturating_add(number.unsigned_abs());
        } else {
            places += 1;
            samples = samples.saturating_add(number.unsigned_abs());
        }
        if places > MAX_PLACES || samples > MAX_SAMPLES {
            return Err("a histogram with more in it than any of a run".to_owned());
        }
    }
    Ok(())
}

/// A number as the format has it, 7 bits a byte and 8 in the ninth, its sign in the lowest bit; and
/// what comes after it.
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        let last = index == 8 || byte & 0x80 == 0;
        let bits = if index == 8 { *byte } else { byte & 0x7f };
        number |= u64::from(bits) << (7 * index);
        if last {
            let signed = (number >> 1) as i64 ^ -((number & 1) as i64);
            return Some((signed, &bytes[index + 1..]));
        }
    }
    None
}
