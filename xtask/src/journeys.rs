//! The journeys again, over other stores, transports and search engines than the embedded ones.
//!
//! The same test binary with other addresses: nothing is built for it. Left out are the journeys that look into the files of
//! what is embedded.

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
const DYNAMODB: Backend =
    store("dynamodb", "SHOPFRONT_TEST_DYNAMODB", "dynamodb://us-east-1/{name}?endpoint={}&create=true");
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

/// They damage, delete or lock what the embedded parts keep in files, or are about the demo's own directory.
const LOOK_INTO_FILES: [&str; 4] = ["demo::", "promise_6_", "promise_8_", "refused_configuration::"];

/// These put changed-since off for an hour, so that only events count. A subscriber that makes its SQS queues itself has none
/// for the first moment, and what is announced then is made good by changed-since alone.
const WANT_QUEUES_BEFOREHAND: &str = "promise_7_";

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
    for left_out in LOOK_INTO_FILES {
        journeys.args(["--skip", left_out]);
    }
    if addresses.iter().any(|(sets, _)| *sets == SNS_SQS.sets) {
        journeys.args(["--skip", WANT_QUEUES_BEFOREHAND]);
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
    let left_out = LOOK_INTO_FILES.join(", ");
    let head = format!("{:<51} verdict", "journeys over");
    format!("{head}\n{lines}left out: {left_out}; with sns-sqs also {WANT_QUEUES_BEFOREHAND}\n")
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
    fn every_kind_of_server_is_journeyed_over() {
        let all: std::collections::BTreeSet<_> = COMBINATIONS.iter().flat_map(Combination::servers).collect();
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            ["dynamodb", "elasticsearch", "opensearch", "redis", "redis-cluster", "sns-sqs", "valkey"]
        );
    }
}
