use std::fs;

use proptest::prelude::*;

use super::*;
use crate::load::figures::{MAX_MICROS, Measure};
use crate::load::record::{FaultKind, Outcome, WindowRecord};
use crate::load::sample;
use crate::load::verdict;

fn written(record: &RunRecord) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), record).expect("a record that can be written");
    dir
}

/// A run of few and small windows, for the tests that read it hundreds of times.
fn small() -> RunRecord {
    let mut record = sample::record();
    for (index, latencies) in record.latencies.iter_mut().enumerate() {
        *latencies = Default::default();
        latencies.record(Measure::Delivery, 1_000 + index as u64);
        latencies.record(Measure::Lateness, 40);
    }
    sample::fault(&mut record, FaultKind::Lost);
    record
}

/// The error of reading, with the directory's own path cut out.
fn error_of(dir: &Path) -> String {
    let error = read(dir).expect_err("a directory that cannot be read").to_string();
    error.replace(&dir.display().to_string(), "DIR").replace('\\', "/")
}

fn change(dir: &Path, file: &str, change: impl Fn(String) -> String) {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).expect("a file of the run");
    fs::write(&path, change(text)).expect("the file can be written");
}

#[test]
fn a_run_is_read_as_it_was_written() {
    let mut record = sample::record();
    sample::fault(&mut record, FaultKind::WrongGroup);
    record.head.crowd.join_seconds = 0.1 + 0.2;
    record.head.verdict = Some(verdict::judge(&record, &["lost <= 0".to_owned()]));
    assert_eq!(read(written(&record).path()).unwrap(), record);
}

#[test]
fn a_run_can_be_written_again() {
    let mut record = sample::record();
    let dir = written(&record);
    record.head.doubts.push("a doubt".to_owned());
    record.evidence.clear();
    write(dir.path(), &record).unwrap();
    assert_eq!(read(dir.path()).unwrap(), record);
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [EVIDENCE, LATENCY, RUN, SECONDS], "nothing temporary is left");
}

#[test]
fn a_run_is_judged_again_from_its_directory_alone() {
    let dir = written(&sample::record());
    assert_eq!(verdict::judge(&read(dir.path()).unwrap(), &[]).outcome, Outcome::Pass);
    let gates = ["steady.delivery.p99 < 1ms".to_owned()];
    assert_eq!(verdict::judge(&read(dir.path()).unwrap(), &gates).outcome, Outcome::Fail);
}

#[test]
fn a_directory_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = write(dir.path(), &sample::record()).unwrap_err().to_string();
    assert!(
        error.ends_with("has files in it and is no run directory; name a new directory"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let file = dir.path().join("thesis.txt");
    assert!(matches!(write(&file, &sample::record()), Err(DirectoryError::Io { .. })));
    let deep = dir.path().join("a/b");
    write(&deep, &sample::record()).unwrap();
    assert!(read(&deep).is_ok());
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(error_of(dir.path()), "DIR is no run directory: it has no run.json");
    assert_eq!(error_of(&dir.path().join("no")), "DIR/run.json: there is no such file");
    for file in [LATENCY, EVIDENCE] {
        let dir = written(&small());
        fs::remove_file(dir.path().join(file)).unwrap();
        assert_eq!(error_of(dir.path()), format!("DIR/{file}: there is no such file"));
    }
    let dir = written(&small());
    fs::remove_file(dir.path().join(SECONDS)).unwrap();
    assert!(read(dir.path()).is_ok(), "the table is for people");
}

#[test]
fn another_version_is_refused_before_anything_else() {
    let dir = written(&small());
    fs::write(dir.path().join(RUN), r#"{ "schema": 2, "simulator": "0.9.0" }"#).unwrap();
    assert_eq!(
        error_of(dir.path()),
        "DIR/run.json was written by simulator 0.9.0 with schema version 2, and this one reads version 1; \
         use that simulator, or run the load again"
    );
}

#[test]
fn a_corrupt_file_is_named_with_its_line() {
    let dir = written(&small());
    change(dir.path(), RUN, |text| text.replacen("\"seed\": 7", "\"seed\": seven", 1));
    assert!(error_of(dir.path()).starts_with("DIR/run.json:11: "), "{}", error_of(dir.path()));
    let dir = written(&small());
    change(dir.path(), EVIDENCE, |text| text.replacen("\"lost\"", "\"stolen\"", 1));
    assert!(error_of(dir.path()).starts_with("DIR/evidence.ndjson:2: unknown variant `stolen`"));
    let dir = written(&small());
    change(dir.path(), LATENCY, |text| text.replacen("Tag=lateness", "Tag=late", 1));
    assert_eq!(error_of(dir.path()), "DIR/latency.hlog:7: `late` is no measure");
    let dir = written(&small());
    change(dir.path(), LATENCY, |text| {
        text.replacen(",1.000000,1.000000,", ",1.000001,1.000000,", 1)
    });
    let error = error_of(dir.path());
    assert_eq!(error, "DIR/latency.hlog:8: no window begins at 1.000001s and is 1s long");
    let dir = written(&small());
    change(dir.path(), RUN, |text| text.replacen("\"phase\": 4", "\"phase\": 5", 1));
    assert_eq!(error_of(dir.path()), "DIR/run.json: windows[8] is of phase 5, which is not there");
}

#[test]
fn a_file_cut_at_the_end_of_a_line_is_not_taken_for_whole() {
    for (file, error) in [
        (LATENCY, "it has 19 entries, and run.json says 20"),
        (EVIDENCE, "it has 1 entries, and run.json says 2"),
    ] {
        let dir = written(&small());
        change(dir.path(), file, |text| {
            let end = text.trim_end().rfind('\n').expect("more than one line");
            text[..=end].to_owned()
        });
        assert!(error_of(dir.path()).contains(error), "{}", error_of(dir.path()));
    }
}

#[test]
fn windows_that_meet_within_a_millisecond_are_told_apart() {
    let mut record = small();
    let first = record.head.windows[0].clone();
    record.head.windows = [(0, 400), (400, 0), (400, 3), (403, 1)]
        .map(|(start_us, length_us)| WindowRecord { start_us, length_us, ..first.clone() })
        .to_vec();
    record.latencies.truncate(4);
    assert_eq!(read(written(&record).path()).unwrap(), record);
}

#[test]
fn a_record_that_contradicts_itself_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |record: &RunRecord| write(dir.path(), record).unwrap_err().to_string();
    let mut record = small();
    record.head.windows[1].start_us = record.head.windows[0].start_us;
    assert!(refused(&record).contains("windows[1] has the times of the one ahead of it"));
    let mut record = small();
    record.latencies.pop();
    assert!(refused(&record).contains("10 windows have 9 sets of histograms"));
    let mut record = small();
    record.latencies[0].entry(Measure::Raw).record(u64::MAX / 4).unwrap();
    assert!(refused(&record).contains("windows[0] has a histogram `raw` that is none of a run"));
}

/// A line of the log with a histogram of these bytes.
fn bomb(plain: &[u8]) -> String {
    use std::io::Write;

    use base64::Engine as _;

    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    let deflated = encoder.finish().unwrap();
    let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
    bytes.extend((deflated.len() as u32).to_be_bytes());
    bytes.extend(deflated);
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("Tag=delivery,0.000000,1.000000,1.000,{encoded}\n")
}

/// A histogram with this length, digits and highest value in its head, and these counts.
fn plain(length: u32, digits: u32, high: u64, counts: &[u8]) -> Vec<u8> {
    let mut plain = 0x1c84_9313_u32.to_be_bytes().to_vec();
    for word in [length, 0, digits] {
        plain.extend(word.to_be_bytes());
    }
    plain.extend(1u64.to_be_bytes());
    plain.extend(high.to_be_bytes());
    plain.extend(1f64.to_be_bytes());
    plain.extend(counts);
    plain
}

#[test]
fn a_short_line_makes_no_large_histogram() {
    let windows = sample::record().head.windows;
    let parse = |plain: &[u8]| hlog::parse(&bomb(plain), &windows).map_err(|(_, what)| what);
    assert!(parse(&plain(2, 3, 2047, &[1, 2])).is_ok(), "so it is right");
    let wrong = "a histogram that is none of a run";
    for head in [
        plain(u32::MAX, 3, 2047, &[1, 2]),
        plain(2, 5, 2047, &[1, 2]),
        plain(2, 200, 2047, &[1, 2]),
        plain(2, 3, u64::MAX, &[1, 2]),
        Vec::new(),
    ] {
        assert_eq!(parse(&head).unwrap_err(), wrong);
    }
    let long = parse(&vec![0; 10 << 20]).unwrap_err();
    assert_eq!(long, "a histogram larger than any of a run");
    // The most zeros that can be said, whose number has no positive counterpart.
    let zeros = parse(&plain(9, 3, 2047, &[0xff; 9])).unwrap_err();
    assert_eq!(zeros, "a histogram with more in it than any of a run");
    let samples =
        parse(&plain(9, 3, 2047, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    assert_eq!(samples.unwrap_err(), "a histogram with more in it than any of a run");
    let cut = parse(&plain(1, 3, 2047, &[0x80])).unwrap_err();
    assert_eq!(cut, "a histogram that ends within a count");
    assert!(parse(&plain(3, 3, 2047, &[0xff, 0x7f, 2])).is_err(), "beyond the highest place");
}

#[test]
fn the_table_has_a_line_for_each_window() {
    let dir = written(&sample::record());
    let table = fs::read_to_string(dir.path().join(SECONDS)).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[1], "join,0,0.000000,1.000000,0,0,,,,,,100000,20971520,200000,31457280");
    assert!(lines[5].starts_with("steady,1,4.000000,1.000000,100,2000,"), "{}", lines[5]);
    let commas = |line: &&str| line.matches(',').count();
    assert!(lines.iter().all(|line| commas(line) == 14));
}

#[test]
fn a_fresh_directory_is_never_one_that_is_there() {
    let base = tempfile::tempdir().unwrap();
    let base = base.path().join("runs");
    let fresh = |stem: &str| {
        let dir = fresh(&base, stem, "2026-11-22T17:00:00.123Z", "k3x9").unwrap();
        assert!(dir.is_dir());
        dir.file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(fresh("busy-evening"), "busy-evening-20261122T170000-k3x9");
    assert_eq!(fresh("busy-evening"), "busy-evening-20261122T170000-k3x9-2");
    assert_eq!(fresh("busy-evening"), "busy-evening-20261122T170000-k3x9-3");
    assert_eq!(fresh(""), "flags-20261122T170000-k3x9");
    assert_eq!(fresh("../a b"), "___a_b-20261122T170000-k3x9");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let dir = written(&small());
    for file in [RUN, LATENCY, EVIDENCE] {
        let path = dir.path().join(file);
        let whole = fs::read(&path).unwrap();
        // The last byte is a line end, and nothing is lost with it but in the log.
        for length in (0..whole.len() - 1).step_by(17) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read(dir.path()).is_err(), "{file} of {length} bytes");
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(read(dir.path()).is_ok());
}

/// Any record with windows of any length and any times in them.
fn any_record() -> impl Strategy<Value = RunRecord> {
    let sample = (0..Measure::ALL.len(), prop_oneof![0..5_000u64, 0..=MAX_MICROS], 1..1_000u64);
    let window = (1..2_000_000u64, prop::collection::vec(sample, 0..12));
    prop::collection::vec(window, 0..12).prop_map(|windows| {
        let mut record = sample::record();
        let pattern = record.head.windows[0].clone();
        record.head.windows.clear();
        record.latencies.clear();
        let mut start_us = 0;
        for (index, (length_us, samples)) in windows.into_iter().enumerate() {
            let phase = index.min(record.head.phases.len() - 1);
            record.head.windows.push(WindowRecord {
                phase,
                start_us,
                length_us,
                ..pattern.clone()
            });
            start_us += length_us;
            let mut latencies = crate::load::figures::Latencies::default();
            for (measure, micros, count) in samples {
                latencies.entry(Measure::ALL[measure]).record_n(micros, count).unwrap();
            }
            record.latencies.push(latencies);
        }
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_count_in_every_place_comes_back(record in any_record()) {
        let dir = written(&record);
        let back = read(dir.path()).unwrap();
        for (window, latencies) in record.latencies.iter().enumerate() {
            let counts = |latencies: &crate::load::figures::Latencies| {
                let all = latencies.iter().map(|(measure, histogram)| {
                    let recorded = histogram.iter_recorded();
                    (measure, recorded.map(|at| (at.value_iterated_to(), at.count_at_value())).collect::<Vec<_>>())
                });
                all.collect::<Vec<_>>()
            };
            prop_assert_eq!(counts(latencies), counts(&back.latencies[window]));
        }
        prop_assert_eq!(back, record);
    }

    #[test]
    fn no_flipped_byte_panics(file in 0..3usize, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let dir = written(&small());
        let path = dir.path().join([RUN, LATENCY, EVIDENCE][file]);
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fs::write(&path, bytes).unwrap();
        if let Ok(record) = read(dir.path()) {
            let _ = verdict::judge(&record, &["delivery.p99 < 1ms".to_owned(), "faults < 1".to_owned()]);
            let _ = csv::render(&record);
        }
    }
}
