//! Colour, where it helps: on a terminal, unless NO_COLOR or `--color` says otherwise (no-color.org, and what anstream
//! knows of CLICOLOR).

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use crate::model::Status;

/// When output is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal
    #[default]
    Auto,
    /// In any case
    Always,
    /// Not at all
    Never,
}

impl Colour {
    /// From now on.
    pub fn set(self) {
        let choice = match self {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Colour::Auto => "auto",
            Colour::Always => "always",
            Colour::Never => "never",
        }
    }
}

/// Whether what is written to a stream is to be coloured.
pub fn wanted(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// The program's name before an error.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The program's name before anything else that it says.
pub const NAME: Style = Style::new().bold();
/// Ids of snapshots.
pub const ID: Style = AnsiColor::Yellow.on_default();
/// Tags and heads.
pub const TAG: Style = AnsiColor::Cyan.on_default().bold();

/// The letter of a change.
pub fn of(status: Status) -> Style {
    match status {
        Status::Added => AnsiColor::Green.on_default(),
        Status::Deleted => AnsiColor::Red.on_default(),
        Status::Modified | Status::TypeChanged => AnsiColor::Yellow.on_default(),
        Status::Renamed => AnsiColor::Cyan.on_default(),
        Status::Touched => AnsiColor::Blue.on_default(),
    }
}

/// Text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
