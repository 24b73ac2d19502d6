use std::process::ExitCode;

fn main() -> ExitCode {
    fsync::cli::start::<fsync::cli::snap::Snap>()
}
