//! What waits for a member whose socket is full.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::OnceLock;

use bytes::{Buf as _, Bytes};

/// A batch with fewer bytes is copied for each member that it waits for, and several of them become
/// one slice: to share it would take more memory than it has.
const SMALLEST_SHARED: usize = 4 * 1024;

/// The most slices in one write: half a megabyte of full packets, and far below what any system
/// takes.
const SLICES_PER_WRITE: usize = 64;

/// What waits for a member, oldest first.
#[derive(Default)]
pub(super) struct Backlog {
    /// Shared with other such members where they are large.
    slices: VecDeque<Bytes>,
    /// After the slices: small batches, put together.
    tail: Vec<u8>,
    /// Of both.
    bytes: usize,
}

impl Backlog {
    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds `batch` from `start` on. A large one is copied once for all, to `shared`.
    pub(super) fn push(&mut self, batch: &[u8], start: usize, shared: &OnceLock<Bytes>) {
        self.bytes += batch.len() - start;
        if batch.len() < SMALLEST_SHARED {
            self.tail.extend_from_slice(&batch[start..]);
            if self.tail.len() >= SMALLEST_SHARED {
                self.close_tail();
            }
        } else {
            self.close_tail();
            let shared = shared.get_or_init(|| Bytes::copy_from_slice(batch));
            self.slices.push_back(shared.slice(start..));
        }
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.slices.push_back(std::mem::take(&mut self.tail).into());
        }
    }

    /// Writes until `out` is full or nothing is left, and says whether nothing is left.
    pub(super) fn write_to(&mut self, out: &mut impl Write) -> io::Result<bool> {
        self.close_tail();
        while self.bytes > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
            let filled = slices.iter_mut().zip(&self.slices);
            let count = filled.map(|(slot, bytes)| *slot = IoSlice::new(bytes)).count();
            match retry(|| out.write_vectored(&slices[..count])) {
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.slices.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.slices.pop_front();
        }
    }

    /// All of it, oldest first.
    pub(super) fn into_slices(mut self) -> VecDeque<Bytes> {
        self.close_tail();
        self.slices
    }
}

/// Tries again where a signal came between.
pub(super) fn retry<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
