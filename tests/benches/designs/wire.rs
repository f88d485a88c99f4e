//! What all designs have in common on the wire: every line that one client sends goes to every client,
//! in one order.

/// What a member is told, alone, once everything that is said from now on will reach it.
pub(crate) const GREETING: &[u8] = b"welcome\n";

/// A line that a member has begun.
#[derive(Default)]
pub(crate) struct Partial(Vec<u8>);

impl Partial {
    /// Appends the whole lines to `out`, and keeps the rest.
    pub(crate) fn whole_lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return self.0.extend_from_slice(bytes);
        };
        out.append(&mut std::mem::take(&mut self.0));
        out.extend_from_slice(&bytes[..=end]);
        self.0.extend_from_slice(&bytes[end + 1..]);
    }
}
