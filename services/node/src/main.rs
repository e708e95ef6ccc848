//! tarsnode. See the library for how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    tarsnode::run_process()
}
