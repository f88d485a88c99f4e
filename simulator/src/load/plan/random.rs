//! Everything random of a plan, from its seed alone and the same on every machine.

/// What a random choice is for, so that none of them changes another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Creators,
    Roles,
    Talkers,
    Arrivals,
    Says,
    Dribbles,
    Leaves,
    Knocks,
    Sizes,
}

/// A generator for one purpose; `number` tells apart those that have the same purpose.
pub(super) fn generator(seed: u64, stream: Stream, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(mix(seed, stream, number))
}

/// A number that is all there is to choose.
pub(super) fn mix(seed: u64, stream: Stream, number: u64) -> u64 {
    scramble(scramble(seed ^ scramble(stream as u64 + 1)) ^ number)
}

/// Spreads a number over all 64 bits, one to one (the output function of SplitMix64).
pub(super) fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that stands for a text (FNV-1a).
pub(super) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A random time until the next of independent events that come once in a unit of time.
///
/// By comparing uniform numbers alone (von Neumann 1951): the logarithm of another machine's library may
/// differ in its last bit.
pub(super) fn exponential(rng: &mut fastrand::Rng) -> f64 {
    let mut whole = 0.0;
    loop {
        let first = rng.f64();
        let mut last = first;
        let mut falling = 1;
        loop {
            let next = rng.f64();
            if next >= last {
                break;
            }
            last = next;
            falling += 1;
        }
        if falling % 2 == 1 {
            return whole + first;
        }
        whole += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_times_are_exponential() {
        let mut rng = generator(1, Stream::Says, 0);
        let drawn: Vec<f64> = (0..100_000).map(|_| exponential(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        for (bound, part) in [(0.5, 0.3935), (1.0, 0.6321), (2.0, 0.8647), (3.0, 0.9502)] {
            let below = drawn.iter().filter(|time| **time < bound).count();
            let found = below as f64 / drawn.len() as f64;
            assert!((found - part).abs() < 0.01, "{found} below {bound}");
        }
    }
}
