//! The four questions of the handshake, and the answers to the last one.

use std::fmt;

/// A question that a server asks (HS-1), in the order in which they are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prompt {
    /// Which group; a client that creates one answers `1`.
    GroupId,
    /// Under which name.
    Alias,
    /// With which password.
    Password,
    /// Whether to join or to create: a [`MenuOption`].
    Option,
}

impl Prompt {
    /// Every prompt, in the order in which a server asks them.
    pub const ALL: [Prompt; 4] = [Prompt::GroupId, Prompt::Alias, Prompt::Password, Prompt::Option];

    /// The prompt's text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Prompt::GroupId => "enter group chat id:",
            Prompt::Alias => "alias?",
            Prompt::Password => "password?",
            Prompt::Option => "option?",
        }
    }

    /// The prompt that a line from a server is, if it is one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Prompt> {
        Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == line)
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person chooses from the menu, and what a client answers to [`Prompt::Option`] (HS-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MenuOption {
    /// Join a group that is there.
    Join,
    /// Create a group.
    Create,
    /// Leave at once.
    Disconnect,
}

impl MenuOption {
    /// Every option, in the order of the menu.
    pub const ALL: [MenuOption; 3] = [MenuOption::Join, MenuOption::Create, MenuOption::Disconnect];

    /// The option's digit.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MenuOption::Join => "1",
            MenuOption::Create => "2",
            MenuOption::Disconnect => "3",
        }
    }

    /// The option with that digit, if there is one.
    #[must_use]
    pub fn parse(answer: &str) -> Option<MenuOption> {
        MenuOption::ALL.into_iter().find(|option| option.as_str() == answer)
    }
}

impl fmt::Display for MenuOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
