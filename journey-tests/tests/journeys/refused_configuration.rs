//! A wrong key or a second writer is refused with a sentence that helps.

use journey_tests::Marketplace;
use journey_tests::marketplace::Settings;
use toml::Table;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    let mut query_server = Table::new();
    query_server.insert("degraded_after".into(), toml::Value::Integer(1));
    let settings = Settings { query_server, ..Settings::default() };
    let mut marketplace = Marketplace::laid_out(&settings).unwrap();
    let program = &mut marketplace.query_servers[0];
    program.start().unwrap();
    program.ended().await.unwrap();
    let said = marketplace.query_servers[0].log_tail();
    assert!(said.contains("query-server-0.toml:1") && said.contains("degraded_after_ms"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_invalidator_on_one_store_is_refused_naming_the_holder() {
    let mut marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let mut second = marketplace.second_invalidator(&Settings::default()).unwrap();
    second.start().unwrap();
    second.ended().await.unwrap();
    let said = second.log_tail();
    assert!(said.contains("is being written by") && said.contains("invalidator"), "{said}");
    assert!(marketplace.invalidator.is_running());
}
