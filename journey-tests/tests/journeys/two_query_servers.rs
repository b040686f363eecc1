//! Two query servers read one store.

use journey_tests::Marketplace;
use journey_tests::marketplace::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn two_query_servers_on_one_store_show_the_same_and_one_may_die() {
    let settings = Settings { query_servers: 2, ..Settings::default() };
    let mut marketplace = Marketplace::open(&settings).await.unwrap();
    let shop_id = marketplace.create_shop("Shared").await.unwrap();
    marketplace.everywhere(shop_id, "both show the shop", |card| card["name"] == "Shared").await.unwrap();
    let path = format!("/v1/shops/{shop_id}");
    let mut tags = Vec::new();
    for query_server in 0..2 {
        let url = format!("{}{path}", marketplace.public(query_server));
        tags.push(marketplace.client().get(url).send().await.unwrap().headers()["etag"].clone());
    }
    assert_eq!(tags[0], tags[1], "one page, one validator, whoever answers");

    marketplace.query_servers[0].kill().unwrap();
    marketplace.rename(shop_id, "Half").await.unwrap();
    journey_tests::eventually("the other goes on", async || {
        Ok((marketplace.detail(1, shop_id).await?["name"] == "Half").then_some(()))
    })
    .await
    .unwrap();
    marketplace.query_servers[0].start().unwrap();
    marketplace.everywhere(shop_id, "both show the change", |card| card["name"] == "Half").await.unwrap();
}
