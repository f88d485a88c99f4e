//! What happened to the clients last, side by side: a column for each, a row for each moment.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::replay::Lane;

/// How many clients stand side by side; the others stand below.
const MOST_COLUMNS: usize = 6;
/// A column is no narrower, so that words can be read.
const LEAST_WIDTH: usize = 20;
/// And no wider, so that the eye keeps the row.
const MOST_WIDTH: usize = 46;

/// Draws the lanes for a page of `width` columns, below each other where they do not fit side by side;
/// nothing when nothing happened.
pub(super) fn draw(lanes: &[Lane], width: usize) -> Vec<String> {
    let fitting = (width.saturating_sub(TIME_WIDTH) / (LEAST_WIDTH + 3)).clamp(1, MOST_COLUMNS);
    lanes.chunks(fitting).flat_map(|lanes| draw_side_by_side(lanes, width)).collect()
}

fn draw_side_by_side(lanes: &[Lane], width: usize) -> Vec<String> {
    let room = width.saturating_sub(TIME_WIDTH) / lanes.len();
    let column = room.saturating_sub(3).clamp(LEAST_WIDTH, MOST_WIDTH);
    let mut rows = vec![
        row("seconds", lanes.iter().map(|lane| lane.client.clone()), column),
        row("-------", lanes.iter().map(|_| "-".repeat(column)), column),
    ];
    rows.extend(moments(lanes).into_iter().map(|(at, place, text)| {
        let cell = |here: usize| if here == place { text.clone() } else { String::new() };
        row(&format!("{at:7.3}"), (0..lanes.len()).map(cell), column)
    }));
    rows
}

const TIME_WIDTH: usize = 8;

/// Everything that happened, in order, with the lane it happened in.
fn moments(lanes: &[Lane]) -> Vec<(f64, usize, String)> {
    let mut moments = Vec::new();
    for (place, lane) in lanes.iter().enumerate() {
        moments.extend(lane.lines.iter().map(|line| (line.at, place, line.text.clone())));
    }
    moments.sort_by(|a, b| a.0.total_cmp(&b.0));
    moments
}

fn row(first: &str, cells: impl Iterator<Item = String>, width: usize) -> String {
    let cells: Vec<String> = cells.map(|cell| fit(&cell, width)).collect();
    format!("{first} | {}", cells.join(" | ")).trim_end().to_owned()
}

/// The text, cut or padded to just `width` columns, with what cannot be shown escaped.
fn fit(text: &str, width: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    let text = cut(&text, width);
    let padding = width - text.width();
    text + &" ".repeat(padding)
}

/// The text, cut to at most `width` columns.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + CUT.len() > width {
            break;
        }
        cut.push(c);
    }
    cut + CUT
}

/// What stands at the end of a text that was cut.
const CUT: &str = "..";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::LaneLine;

    fn lane(client: &str, lines: &[(f64, &str)]) -> Lane {
        let lines = lines.iter().map(|(at, text)| LaneLine { at: *at, text: (*text).to_owned() });
        Lane { client: client.to_owned(), lines: lines.collect() }
    }

    #[test]
    fn moments_stand_in_one_order_and_in_their_own_columns() {
        let lanes = [
            lane("noya", &[(0.001, "> Hi"), (0.003, "< Noya: Hi")]),
            lane("eliana", &[(0.002, "< Noya: Hi")]),
        ];
        insta::assert_snapshot!(draw(&lanes, 60).join("\n"), @r"
        seconds | noya                    | eliana
        ------- | ----------------------- | -----------------------
          0.001 | > Hi                    |
          0.002 |                         | < Noya: Hi
          0.003 | < Noya: Hi              |
        ");
    }

    #[test]
    fn every_client_is_drawn_however_many_there_are() {
        let names: Vec<String> = (1..=20).map(|number| format!("racer{number}")).collect();
        let lanes: Vec<Lane> = names.iter().map(|name| lane(name, &[(0.5, name)])).collect();
        let drawn = draw(&lanes, 100).join("\n");
        // Once above its column, once in it.
        assert!(
            names.iter().all(|name| drawn.split_whitespace().filter(|w| w == name).count() == 2)
        );
    }

    #[test]
    fn long_and_wide_text_is_cut() {
        assert_eq!(fit("abcdefgh", 6), "abcd..");
        assert_eq!(fit("日本語日本語", 7), "日本.. ");
        assert_eq!(fit("a\u{1b}b", 10), "a\\u{1b}b  ");
    }
}
