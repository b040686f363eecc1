//! Whatever starts first waits for the others. The three writers start as they would be restarted: one by one,
//! at every place in the order.

use std::time::Duration;

use journey_tests::Marketplace;
use journey_tests::marketplace::Settings;

/// All orders of three writers (which are alike), the invalidator and the query server.
fn orders() -> Vec<Vec<usize>> {
    let mut orders = Vec::new();
    for invalidator in 0..5 {
        for query_server in (0..5).filter(|place| *place != invalidator) {
            let mut writers = 0..3;
            orders.push(
                (0..5)
                    .map(|place| match place {
                        _ if place == invalidator => 3,
                        _ if place == query_server => 4,
                        _ => writers.next().unwrap(),
                    })
                    .collect(),
            );
        }
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_order_ends_with_the_shop_in_the_list() {
    let orders = orders();
    assert_eq!(orders.len(), 20);
    for order in orders {
        let mut marketplace = Marketplace::laid_out(&Settings::default()).unwrap();
        for &index in &order {
            marketplace.programs().nth(index).unwrap().start().unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        marketplace.ready().await.unwrap();
        for program in marketplace.programs() {
            assert!(program.is_running(), "order {order:?}: {}", program.log_tail());
        }
        let shop_id = marketplace.create_shop("Whoever came first").await.unwrap();
        let what = format!("the shop is there after the order {order:?}");
        marketplace.everywhere(shop_id, &what, |card| card["name"] == "Whoever came first").await.unwrap();
        for program in marketplace.programs() {
            program.end().unwrap();
        }
    }
}
