//! The owner of shops: menus, opening hours, fees, delivery areas.

fn main() -> std::process::ExitCode {
    service_runtime::program::main("shop-writer", writer_services::run_shop_writer)
}
