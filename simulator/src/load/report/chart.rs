//! A plot as inline SVG, laid out by hand and for one reason: it has to be read on a phone as well as on
//! paper, in the dark as well as in the light. So horizontal places are shares of whatever width there is
//! while letters and strokes keep their size, and every colour is a class that the page's style decides.

use maud::{Markup, PreEscaped, html};

use super::visible;

/// The height of the plot itself, in pixels; names of phases stand above, ticks below.
const HEIGHT: f64 = 220.0;
/// The widths of a plot, in pixels, on a phone and on a desk: what does not fit there is not written.
const NARROW: f64 = 240.0;
const WIDE: f64 = 490.0;
/// About the width of a letter, in pixels.
const LETTER: f64 = 6.8;

/// A scale and its marks.
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From `low` to at least `high`, with round marks.
    pub(super) fn linear(low: f64, high: f64, write: impl Fn(f64) -> String) -> Self {
        Axis::round(low, high, 4.0, write)
    }

    fn round(low: f64, high: f64, marks: f64, write: impl Fn(f64) -> String) -> Self {
        let span = if high > low { high - low } else { 1.0 };
        let step = round_step(span / marks);
        let high = (((low + span) / step) - 1e-9).ceil() * step;
        let ticks = (0..=12).map(|count| ((low / step).ceil() + f64::from(count)) * step);
        let ticks = ticks.filter(|at| *at <= high + step * 1e-6).map(|at| (at, write(at)));
        Axis { low, high, is_log: false, ticks: ticks.collect() }
    }

    /// From `low` to `high` exactly, with round marks between.
    pub(super) fn exact(low: f64, high: f64, write: impl Fn(f64) -> String) -> Self {
        let mut axis = Axis::round(low, high, 6.0, write);
        axis.high = if high > low { high } else { low + 1.0 };
        axis.ticks.retain(|(at, _)| *at <= axis.high);
        axis
    }

    /// Around `low` to `high`, each of the marks so many times the one below.
    pub(super) fn log(low: f64, high: f64, write: impl Fn(f64) -> String) -> Self {
        let low = low.max(1e-3);
        let high = high.max(low * 1.01);
        let steps = round_numbers(low, high);
        let (first, last) = (steps[0], steps[steps.len() - 1]);
        // Over many decades, only they are marked.
        let sparse = last / first > 1000.0;
        let is_decade = |at: f64| (at.log10() - at.log10().round()).abs() < 1e-6;
        let marks = steps.into_iter().filter(|at| !sparse || is_decade(*at));
        Axis {
            low: first,
            high: last,
            is_log: true,
            ticks: marks.map(|at| (at, write(at))).collect(),
        }
    }

    /// With marks of one's own.
    pub(super) fn marked(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Axis { low, high, is_log: false, ticks }
    }

    /// Where a value stands, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let (low, high, value) = if self.is_log {
            (self.low.ln(), self.high.ln(), value.max(self.low).ln())
        } else {
            (self.low, self.high, value)
        };
        let place = (value - low) / (high - low);
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The step of 1, 2 or 5 that is next above.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(1e-9).log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= least * 0.999);
    factor.unwrap_or(10.0) * decade
}

/// The numbers 1, 2 and 5 in every decade, from the last that is no more than `low` to the first that is
/// no less than `high`; at least two.
fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let all: Vec<f64> = decades
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(decade)))
        .collect();
    let first = all.iter().rposition(|at| *at <= low * 1.000_001).unwrap_or(0);
    let last = all.iter().position(|at| *at >= high * 0.999_999).unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
}

/// A line of a plot.
pub(super) struct Line {
    /// What it shows; stands in the legend.
    pub(super) name: String,
    /// The class that gives it its colour.
    pub(super) class: String,
    /// Its points, from left to right; where one has no value, the line is broken.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A stretch of the horizontal axis that has a name.
pub(super) struct Band {
    pub(super) name: String,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A point with a mark of its own.
pub(super) struct Dot {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) class: &'static str,
    pub(super) words: String,
}

/// A plot.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What it counts, in which unit, in one sentence.
    pub(super) about: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// What the horizontal axis is.
    pub(super) x_name: &'static str,
    pub(super) bands: Vec<Band>,
    pub(super) lines: Vec<Line>,
    pub(super) dots: Vec<Dot>,
    /// A limit, and its name.
    pub(super) limit: Option<(f64, String)>,
}

impl Chart {
    /// The plot, its heading, its legend, and its figures as a table that can be opened.
    pub(super) fn draw(&self, table: &Markup) -> Markup {
        html! {
            figure {
                figcaption {
                    h3 { (self.title) }
                    p { (self.about) }
                }
                (self.legend())
                (self.svg())
                p.axis { (self.x_name) }
                details { summary { "The same in figures" } div.scroll tabindex="0" { (table) } }
            }
        }
    }

    fn legend(&self) -> Markup {
        let limit = self.limit.iter().map(|(_, name)| ("limit", name.as_str()));
        let lines = self.lines.iter().map(|line| (line.class.as_str(), line.name.as_str()));
        html! {
            ul.legend {
                @for (class, name) in lines.chain(limit) {
                    li {
                        svg.key width="22" height="10" aria-hidden="true" {
                            line class={ "line " (class) } x1="1" x2="21" y1="5" y2="5" {}
                        }
                        (visible::line(name))
                    }
                }
            }
        }
    }

    /// The plot alone, as it stands in the page.
    pub(super) fn svg(&self) -> Markup {
        html! {
            svg.plot role="img" width="100%" height=(HEIGHT + 46.0) aria-label=(self.title) {
                title { (self.title) }
                desc { (self.about) }
                svg y="20" width="100%" height=(HEIGHT + 26.0) overflow="visible" {
                    (self.draw_bands())
                    (self.draw_axes())
                    @if let Some((value, _)) = &self.limit {
                        @let y = self.height(*value);
                        line.line.limit x1="0" x2="100%" y1=(y) y2=(y) {}
                    }
                    svg width="100%" height=(HEIGHT) viewBox={ "0 0 1000 " (HEIGHT) }
                        preserveAspectRatio="none" overflow="visible" {
                        @for line in &self.lines { path class={ "line " (line.class) } d=(self.path(line)) {} }
                    }
                    @for dot in &self.dots {
                        circle class={ "dot " (dot.class) } r="4.5"
                            cx=(share(self.x.place(dot.x))) cy=(self.height(dot.y)) {
                            title { (dot.words) }
                        }
                    }
                }
            }
        }
    }

    fn draw_bands(&self) -> Markup {
        html! {
            @for (index, band) in self.bands.iter().enumerate() {
                @let (from, to) = (self.x.place(band.from), self.x.place(band.to));
                @let name = visible::cut(&visible::line(&band.name), 24);
                rect class={ "band b" (index % 2) } x=(share(from)) width=(share(to - from))
                    y="-20" height=(HEIGHT + 20.0) { title { (name) } }
                @if let Some(class) = room(&name, to - from) {
                    text class={ "name " (class) } x=(share((from + to) / 2.0)) y="-6" { (name) }
                }
            }
        }
    }

    fn draw_axes(&self) -> Markup {
        let ticks = self.x.ticks.len().max(1) as f64;
        html! {
            @for (at, words) in &self.y.ticks {
                @let y = self.height(*at);
                line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                text.tick.y x="-8" y=(y) dy="0.32em" { (words) }
            }
            @for (index, (at, words)) in self.x.ticks.iter().enumerate() {
                @let x = share(self.x.place(*at));
                @let class = room(words, 1.0 / ticks).unwrap_or("wide");
                @let class = if index % 2 == 0 { "" } else { class };
                line.mark x1=(x) x2=(x) y1=(HEIGHT) y2=(HEIGHT + 5.0) {}
                text class={ "tick x " (class) } x=(x) y=(HEIGHT + 19.0) { (words) }
            }
            line.base x1="0" x2="100%" y1=(HEIGHT) y2=(HEIGHT) {}
        }
    }

    fn height(&self, value: f64) -> String {
        format!("{:.1}", HEIGHT * (1.0 - self.y.place(value)))
    }

    fn path(&self, line: &Line) -> PreEscaped<String> {
        let mut path = String::new();
        let mut is_open = false;
        for (place, (x, y)) in line.points.iter().enumerate() {
            let Some(y) = y else {
                is_open = false;
                continue;
            };
            let (x, y) = (self.x.place(*x) * 1000.0, self.height(*y));
            let is_alone =
                !is_open && line.points.get(place + 1).is_none_or(|(_, next)| next.is_none());
            path += &format!("{}{x:.1} {y}", if is_open { "L" } else { "M" });
            if is_alone {
                // A single point is drawn as a short stroke.
                path += &format!("L{:.1} {y}", x + 4.0);
            }
            is_open = true;
        }
        PreEscaped(path)
    }
}

/// The class of words that have this share of the width: none where they always fit, `wide` where they
/// fit on a desk, nothing where they never fit.
fn room(words: &str, part: f64) -> Option<&'static str> {
    let needed = words.chars().count() as f64 * LETTER;
    match part {
        part if part * NARROW >= needed => Some(""),
        part if part * WIDE >= needed => Some("wide"),
        _ => None,
    }
}

pub(super) fn share(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(axis: &Axis) -> Vec<f64> {
        axis.ticks.iter().map(|(at, _)| *at).collect()
    }

    #[test]
    fn marks_are_round_and_values_stand_between_them() {
        let axis = Axis::linear(0.0, 117_500.0, |at| at.to_string());
        assert_eq!(marks(&axis), [0.0, 50_000.0, 100_000.0, 150_000.0]);
        assert!((axis.place(75_000.0) - 0.5).abs() < 1e-9);
        let axis = Axis::log(640.0, 24_800.0, |at| at.to_string());
        assert_eq!(marks(&axis), [500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4]);
        assert_eq!((axis.place(500.0), axis.place(50_000.0)), (0.0, 1.0));
    }

    #[test]
    fn no_axis_fails_for_want_of_a_range() {
        for (low, high) in [(0.0, 0.0), (5.0, 5.0), (1.0, 1e12), (1e9, 1.0)] {
            for axis in [
                Axis::linear(low, high, |at| at.to_string()),
                Axis::exact(low, high, |at| at.to_string()),
                Axis::log(low, high, |at| at.to_string()),
            ] {
                assert!(axis.ticks.len() < 50);
                assert!((0.0..=1.0).contains(&axis.place(high)));
                assert!((0.0..=1.0).contains(&axis.place(f64::NAN)));
            }
        }
    }

    #[test]
    fn a_line_is_broken_where_there_is_nothing() {
        let chart = Chart {
            title: "t",
            about: String::new(),
            x: Axis::linear(0.0, 4.0, |at| at.to_string()),
            y: Axis::linear(0.0, 4.0, |at| at.to_string()),
            x_name: "",
            bands: Vec::new(),
            lines: Vec::new(),
            dots: Vec::new(),
            limit: None,
        };
        let points = vec![(0.0, Some(0.0)), (1.0, Some(4.0)), (2.0, None), (3.0, Some(2.0))];
        let line = Line { name: String::new(), class: String::new(), points };
        assert_eq!(chart.path(&line).0, "M0.0 220.0L250.0 0.0M750.0 110.0L754.0 110.0");
    }
}
