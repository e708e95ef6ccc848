//! The text that each program prints for `--help`.

use crate::markdown::Page;
use clap::{Command, CommandFactory as _};
use tars_kit::process::build_command;

/// Builds the page of all programs.
pub fn build_page() -> String {
    let introduction = "Charts set these options by environment variables. An option on the command line wins over its variable. \
                        The help of each service ends with the variables that all services read.";
    let mut page = Page::new("Command lines", introduction);
    let programs = [
        build_command::<controller::cli::Cli>(),
        build_command::<tarswebhook::Args>(),
        build_command::<tarsagent::Args>(),
        build_command::<tarsregistry::args::Args>(),
        tarsnode::Cli::command(),
        kubectl_tars::Cli::command(),
    ];
    for program in programs {
        let name = program.get_name().to_owned();
        add_program(&mut page, &name, &program);
    }
    page.finish()
}

/// Adds a program or a subcommand, and its subcommands after it.
fn add_program(page: &mut Page, name: &str, program: &Command) {
    page.add_heading(&format!("`{name}`"));
    // Values of the environment that the generator runs in do not belong to the page.
    let mut shown = program.clone().bin_name(name).mut_args(|option| option.hide_env_values(true));
    page.add_block(&shown.render_long_help().to_string());
    for subcommand in program.get_subcommands() {
        add_program(page, &format!("{name} {}", subcommand.get_name()), subcommand);
    }
}
