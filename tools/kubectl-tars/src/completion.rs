//! `kubectl tars completion`, and the helper by which `kubectl` completes plugins (docs/reference/kubectl-tars.md#1.6).

use crate::output::Verdict;
use clap::{Args, Command};
use clap_complete::{Shell, generate};
use std::{ffi::OsString, io};

/// `kubectl` calls the program of this name to complete `kubectl tars`. It is a link to this program.
pub const HELPER: &str = "kubectl_complete-tars";
/// The last line of the helper's answer: the shell does not offer file names. The number is that of the library `cobra`.
const NO_FILES: &str = ":4";
/// The same if file names are in order.
const FILES: &str = ":0";

/// The command line.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for the program `kubectl-tars`, whose command line is `root`.
pub fn print(args: &CompletionArgs, mut root: Command) -> Verdict {
    generate(args.shell, &mut root, "kubectl-tars", &mut io::stdout());
    Verdict::Fine
}

/// Prints the words with which the last one of `words` can go on, as `kubectl` expects them.
pub fn complete(words: &[OsString], root: Command) {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    for line in list_candidates(&words, root) {
        println!("{line}");
    }
}

pub(crate) fn list_candidates(words: &[String], mut root: Command) -> Vec<String> {
    root.build();
    let (last, before) = words.split_last().map_or(("", [].as_slice()), |(last, before)| (last.as_str(), before));
    let mut command = &root;
    for word in before.iter().filter(|word| !word.starts_with('-')) {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        }
    }
    if let Some(option) = before.last().and_then(|word| find_option(command, word))
        && option.get_action().takes_values()
    {
        let values: Vec<String> = option
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .filter(|value| value.starts_with(last))
            .collect();
        let directive = if values.is_empty() { FILES } else { NO_FILES };
        return values.into_iter().chain([directive.to_owned()]).collect();
    }
    let mut found: Vec<String> = Vec::new();
    if last.starts_with('-') {
        let options = command.get_arguments().filter(|option| !option.is_hide_set());
        found.extend(options.filter_map(|option| Some(describe(&format!("--{}", option.get_long()?), option.get_help()))));
    } else {
        let commands = command.get_subcommands().filter(|inner| !inner.is_hide_set());
        found.extend(commands.map(|inner| describe(inner.get_name(), inner.get_about())));
    }
    found.retain(|line| line.starts_with(last));
    found.push(NO_FILES.to_owned());
    found
}

fn find_option<'a>(command: &'a Command, word: &str) -> Option<&'a clap::Arg> {
    let long = word.strip_prefix("--");
    let short = word.strip_prefix('-').filter(|rest| rest.chars().count() == 1).and_then(|rest| rest.chars().next());
    command
        .get_arguments()
        .find(|option| (long.is_some() && option.get_long() == long) || (short.is_some() && option.get_short() == short))
}

/// A candidate with its first line of help, as `cobra` writes it.
fn describe(word: &str, help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    let help = help.lines().next().unwrap_or_default().to_owned();
    if help.is_empty() { word.to_owned() } else { format!("{word}\t{help}") }
}
