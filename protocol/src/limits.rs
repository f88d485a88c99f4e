//! Every maximum of the protocol, in one place, with its unit and its reason.

/// The longest message a client may send, in bytes, its line end not counted (LIM-1).
///
/// The original programs take a message with one `recv(1024)`; what is longer never arrived whole.
pub const MAX_MESSAGE_BYTES: usize = 1024;

/// The longest name a client may ask for, in characters (Unicode scalar values) (NAME-1).
///
/// Long enough for a person's full name, short enough that a line on an 80-column terminal still
/// shows what was said.
pub const MAX_NAME_CHARS: usize = 32;

/// The longest password, in bytes of UTF-8 (AUTH-1).
pub const MAX_PASSWORD_BYTES: usize = 128;

/// The most decimal digits in a group id (GRP-5): as many as [`u32::MAX`] has.
pub const MAX_GROUP_ID_DIGITS: usize = 10;

/// The id of the first group ever created; the next is 3 (GRP-1).
pub const FIRST_GROUP_ID: u32 = 2;

/// What a client that creates a group answers when it is asked for a group id. No group has it.
pub const CREATOR_GROUP_ID: u32 = 1;

/// The most bytes a rename can add to a name: `+`, the digits of a [`u32`], `-`.
const MAX_RENAME_BYTES: usize = 1 + 10 + 1;

/// The longest line a server may send, in bytes, its line end not counted (LIM-3).
///
/// The longest is a message of [`MAX_MESSAGE_BYTES`] without a name in front, from a sender with
/// the longest name, every character of it four bytes long, who was renamed.
pub const MAX_SERVER_LINE_BYTES: usize =
    4 * MAX_NAME_CHARS + MAX_RENAME_BYTES + ": ".len() + MAX_MESSAGE_BYTES;
