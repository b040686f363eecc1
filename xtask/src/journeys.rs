//! The journeys again, over other stores, transports and search engines than the embedded ones.
//!
//! The same test binary with other addresses: nothing is built for it. Left out is only what is about what is embedded.

use std::collections::BTreeMap;

use crate::servers;
use crate::steps::{Steps, cargo, say};

/// What a marketplace stands on; what is not named is embedded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Combination {
    pub(crate) name: &'static str,
    /// Servers by which tests find them, and the address that is made of each: the variable's value stands for `{}`.
    backends: &'static [Backend],
}

#[derive(Clone, Copy, Debug)]
struct Backend {
    /// `SHOPFRONT_JOURNEY_STORE`
    sets: &'static str,
    /// As `cargo xtask servers` calls it.
    server: &'static str,
    variable: &'static str,
    address: &'static str,
}

const fn store(server: &'static str, variable: &'static str, address: &'static str) -> Backend {
    Backend { sets: "SHOPFRONT_JOURNEY_STORE", server, variable, address }
}

const REDIS: Backend = store("redis", "SHOPFRONT_TEST_REDIS", "{}/{name}");
const VALKEY: Backend = store("valkey", "SHOPFRONT_TEST_VALKEY", "{}/{name}");
const REDIS_CLUSTER: Backend =
    store("redis-cluster", "SHOPFRONT_TEST_REDIS_CLUSTER", "{}/{name}?cluster=true");
const DYNAMODB: Backend = store(
    "dynamodb",
    "SHOPFRONT_TEST_DYNAMODB",
    "dynamodb://us-east-1/{name}?endpoint={}&create=true&timeout_ms=5000",
);
const SNS_SQS: Backend = Backend {
    sets: "SHOPFRONT_JOURNEY_EVENTS",
    server: "sns-sqs",
    variable: "SHOPFRONT_TEST_SNS_SQS",
    address: "sns-sqs://us-east-1/000000000000/{name}?endpoint={}&create=true",
};
const ELASTICSEARCH: Backend = Backend {
    sets: "SHOPFRONT_JOURNEY_SEARCH",
    server: "elasticsearch",
    variable: "SHOPFRONT_TEST_ELASTICSEARCH",
    address: "{}/{name}",
};
const OPENSEARCH: Backend =
    Backend { server: "opensearch", variable: "SHOPFRONT_TEST_OPENSEARCH", ..ELASTICSEARCH };

/// Every backend at least once, and the two that marketplaces run on as a whole.
pub(crate) const COMBINATIONS: [Combination; 6] = [
    Combination { name: "redis", backends: &[REDIS] },
    Combination { name: "valkey + opensearch", backends: &[VALKEY, OPENSEARCH] },
    Combination { name: "redis-cluster + elasticsearch", backends: &[REDIS_CLUSTER, ELASTICSEARCH] },
    Combination { name: "redis + sns-sqs + elasticsearch", backends: &[REDIS, SNS_SQS, ELASTICSEARCH] },
    Combination { name: "dynamodb", backends: &[DYNAMODB] },
    Combination { name: "dynamodb + sns-sqs", backends: &[DYNAMODB, SNS_SQS] },
];

/// A journey that is about something embedded.
#[derive(Clone, Copy, Debug)]
struct LeftOut {
    journey: &'static str,
    /// Why it is none over servers.
    since: &'static str,
}

const LEFT_OUT: [LeftOut; 1] = [LeftOut {
    journey: "refused_configuration::a_second_invalidator_on_one_store_is_refused_naming_the_holder",
    since: "a directory has one writing process; saves of several into a server compare what they replace",
}];

/// What came of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Held,
    Failed,
    Untested,
}

/// All of them, one after another.
pub(crate) fn all(steps: &mut Steps, workspace: &[&str]) -> anyhow::Result<Vec<(&'static str, Verdict)>> {
    let variables: BTreeMap<String, String> = servers::variables()?.into_iter().collect();
    let mut verdicts = Vec::new();
    for combination in COMBINATIONS {
        let verdict = match combination.addresses(&variables) {
            Ok(addresses) => held(steps, combination.name, workspace, addresses)?,
            Err(missing) => {
                say(&format!("journeys over {} need `{missing}`, which is missing", combination.name));
                Verdict::Untested
            }
        };
        verdicts.push((combination.name, verdict));
    }
    Ok(verdicts)
}

fn held(
    steps: &mut Steps,
    name: &str,
    workspace: &[&str],
    addresses: Vec<(&'static str, String)>,
) -> anyhow::Result<Verdict> {
    let mut journeys = cargo(["test", "--quiet"]);
    journeys.args(workspace).args(["--test", "journeys", "--"]);
    // Names are whole ones: what is left out leaves out nothing else.
    journeys.arg("--exact");
    for left_out in LEFT_OUT {
        journeys.args(["--skip", left_out.journey]);
    }
    journeys.envs(addresses).envs(CREDENTIALS);
    let succeeded = steps.run_heard(&format!("journeys over {name}"), &mut journeys, |_| ())?;
    Ok(if succeeded { Verdict::Held } else { Verdict::Failed })
}

/// Stand-ins take any; the programs refuse to go without.
const CREDENTIALS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

impl Combination {
    /// Or the server that is not there.
    fn addresses(
        &self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Vec<(&'static str, String)>, &'static str> {
        let address = |backend: &Backend| {
            let value = variables.get(backend.variable).ok_or(backend.server)?;
            Ok((backend.sets, backend.address.replace("{}", value)))
        };
        self.backends.iter().map(address).collect()
    }

    /// The servers that it needs.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &'static str> {
        self.backends.iter().map(|backend| backend.server)
    }
}

/// One line for each.
pub(crate) fn table(verdicts: &[(&'static str, Verdict)]) -> String {
    let line = |(name, verdict): &(&'static str, Verdict)| {
        let said = match verdict {
            Verdict::Held => "ok",
            Verdict::Failed => "failed",
            Verdict::Untested => "untested",
        };
        format!("{name:<51} {said}\n")
    };
    let lines: String = verdicts.iter().map(line).collect();
    // So that "ok" is not read as more than it says.
    let left_out = |LeftOut { journey, since }: LeftOut| format!("left out: {journey} ({since})\n");
    let left_out: String = LEFT_OUT.into_iter().map(left_out).collect();
    let head = format!("{:<51} verdict", "journeys over");
    format!("{head}\n{lines}{left_out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combination_is_made_of_the_servers_that_run_or_names_the_one_that_does_not() {
        let variables: BTreeMap<String, String> = [
            ("SHOPFRONT_TEST_REDIS", "redis://127.0.0.1:7"),
            ("SHOPFRONT_TEST_SNS_SQS", "http://127.0.0.1:8"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let both = Combination { name: "both", backends: &[REDIS, SNS_SQS] };
        assert_eq!(
            both.addresses(&variables).unwrap(),
            [
                ("SHOPFRONT_JOURNEY_STORE", "redis://127.0.0.1:7/{name}".to_owned()),
                (
                    "SHOPFRONT_JOURNEY_EVENTS",
                    "sns-sqs://us-east-1/000000000000/{name}?endpoint=http://127.0.0.1:8&create=true"
                        .to_owned()
                ),
            ]
        );
        let all = Combination { name: "all", backends: &[REDIS, SNS_SQS, ELASTICSEARCH] };
        assert_eq!(all.addresses(&variables).unwrap_err(), "elasticsearch");
    }

    #[test]
    fn what_is_left_out_is_a_journey() {
        for LeftOut { journey, .. } in LEFT_OUT {
            let (file, name) = journey.split_once("::").unwrap();
            let path = crate::root().join(format!("journey-tests/tests/journeys/{file}.rs"));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains(&format!("async fn {name}(")), "{journey}");
        }
    }

    #[test]
    fn every_kind_of_server_is_journeyed_over() {
        let all: std::collections::BTreeSet<_> = COMBINATIONS.iter().flat_map(Combination::servers).collect();
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            ["dynamodb", "elasticsearch", "opensearch", "redis", "redis-cluster", "sns-sqs", "valkey"]
        );
    }
}
