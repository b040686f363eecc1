//! Hears an ID, asks the writers, saves the shop document.

fn main() -> std::process::ExitCode {
    service_runtime::program::main("invalidator", invalidator::run)
}
