//! What a program takes, said by itself as lines, so that `fsync complete` knows the programs beside the core, too.
//!
//! `fsync-NAME --list-arguments` prints a line for each option and argument, with fields that tabs separate: id, long name,
//! short name, names of its values (spaces between them), marks, possible values (commas between them), and a few words.
//! The marks are `+` for what may be given again and `.` for what stands behind `--`. What is hidden is not in it.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

/// The only argument of a program that is asked for this.
pub const ASK: &str = "--list-arguments";

/// What `command` takes.
pub fn tell(mut command: Command) -> String {
    command.build();
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.map(line).collect()
}

fn line(arg: &Arg) -> String {
    let takes = arg.get_action().takes_values();
    let names = arg.get_value_names().filter(|_| takes).unwrap_or_default();
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let possible = arg.get_possible_values();
    let possible = possible
        .iter()
        .filter(|value| takes && !value.is_hide_set());
    let possible: Vec<&str> = possible.map(|value| value.get_name()).collect();
    let marks = [(repeats(arg), "+"), (arg.is_last_set(), ".")];
    let fields = [
        arg.get_id().to_string(),
        arg.get_long().unwrap_or_default().to_string(),
        arg.get_short().map(String::from).unwrap_or_default(),
        names.join(" "),
        marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| *mark)
            .collect(),
        possible.join(","),
        arg.get_help().map(ToString::to_string).unwrap_or_default(),
    ];
    fields
        .map(|field| field.replace(['\t', '\n'], " "))
        .join("\t")
        + "\n"
}

/// Whether an argument may be given again.
pub fn repeats(arg: &Arg) -> bool {
    let many = arg
        .get_num_args()
        .is_some_and(|range| range.max_values() > 1);
    many || matches!(arg.get_action(), ArgAction::Append | ArgAction::Count)
}

/// The program of that name that said `text`; lines that are none are left out. What is read stays in memory, since clap
/// takes names that live as long as the process: for processes that end soon.
pub fn read(name: &str, text: &str) -> Command {
    let keep = |text: &str| -> &'static str { text.to_string().leak() };
    let args = text.lines().filter_map(|line| arg(keep(line)));
    let mut seen = std::collections::HashSet::new();
    let args = args.filter(|arg| seen.insert(arg.get_id().clone()));
    let command = Command::new(keep(name)).disable_help_flag(true);
    command.disable_version_flag(true).args(args)
}

fn arg(line: &'static str) -> Option<Arg> {
    let fields: Vec<&'static str> = line.split('\t').collect();
    let [id, long, short, names, marks, possible, about] = fields[..] else {
        return None;
    };
    if id.is_empty() || names.is_empty() && long.is_empty() && short.is_empty() {
        return None;
    }
    let mut arg = Arg::new(id).help(about);
    if !long.is_empty() {
        arg = arg.long(long);
    }
    if let Some(short) = short.chars().next() {
        arg = arg.short(short);
    }
    let again = marks.contains('+');
    if names.is_empty() {
        let action = if again {
            ArgAction::Count
        } else {
            ArgAction::SetTrue
        };
        return Some(arg.action(action));
    }
    if again {
        arg = arg.action(ArgAction::Append);
    }
    if !possible.is_empty() {
        arg = arg.value_parser(PossibleValuesParser::new(possible.split(',')));
    }
    let last = marks.contains('.');
    let names: Vec<&'static str> = names.split(' ').collect();
    Some(arg.last(last).value_names(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn what_is_told_is_read() {
        let told = tell(crate::cli::snap::Snap::command());
        assert!(told.lines().count() > 10);
        let again = read("fsync-snap", &told);
        assert_eq!(tell(again), told);
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        let text = "a\tall\ta\t\t\t\tEverything\nrubbish\n\t\t\t\t\t\t\na\tall\t\t\t\t\ttwice\nb\t\t\tFILE\t+.\t\tFiles\n";
        let command = read("x", text);
        let ids: Vec<_> = command
            .get_arguments()
            .map(|arg| arg.get_id().as_str())
            .collect();
        assert_eq!(ids, ["a", "b"]);
    }
}
