//! Hands over to `cli` and returns its exit code.

fn main() -> std::process::ExitCode {
    autonomy::cli::main()
}
