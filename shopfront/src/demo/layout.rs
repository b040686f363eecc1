//! Which program listens where and keeps what where, and the configuration files that say so to them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml::{Table, Value};

use super::DemoOptions;

/// The owners of the truth.
pub const WRITERS: &[Program] = &[Program::ShopWriter, Program::AdsWriter, Program::ReviewsWriter];
/// In the order in which one change travels, which is the order of starting.
pub const ALL: &[Program] = &[
    Program::ShopWriter,
    Program::AdsWriter,
    Program::ReviewsWriter,
    Program::Invalidator,
    Program::QueryServer,
];

/// A program that the demo starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Program {
    /// Owns shops.
    ShopWriter,
    /// Owns campaigns.
    AdsWriter,
    /// Owns stars and reviews.
    ReviewsWriter,
    /// Brings changes into the store.
    Invalidator,
    /// Answers the app.
    QueryServer,
}

impl Program {
    /// The executable's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShopWriter => "shop-writer",
            Self::AdsWriter => "ads-writer",
            Self::ReviewsWriter => "reviews-writer",
            Self::Invalidator => "invalidator",
            Self::QueryServer => "query-server",
        }
    }

    /// What a shop's part of it is called in URLs and files.
    const fn word(self) -> &'static str {
        match self {
            Self::ShopWriter => "shop",
            Self::AdsWriter => "ads",
            Self::ReviewsWriter => "reviews",
            Self::Invalidator | Self::QueryServer => self.name(),
        }
    }
}

/// Addresses and directories of one demo.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Absolute.
    pub data_dir: PathBuf,
    programs_dir: PathBuf,
    public: SocketAddr,
    ops: SocketAddr,
    writers_port: u16,
    backends: Backends,
}

/// Addresses of what is not embedded.
#[derive(Clone, Debug, Default)]
struct Backends {
    store: Option<String>,
    events: Option<String>,
    search: Option<String>,
}

impl Layout {
    /// The programs stand beside this very executable.
    ///
    /// # Errors
    /// One of them does not.
    pub fn new(options: &DemoOptions, data_dir: PathBuf) -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("where this executable is")?;
        let programs_dir = executable.parent().map(Path::to_owned).unwrap_or_default();
        for program in ALL {
            let path = programs_dir.join(program.name());
            anyhow::ensure!(
                path.is_file(),
                "`{}` is not there; build it (`cargo build --release`), or run `cargo xtask demo`, which builds all",
                path.display(),
            );
        }
        let (public, ops) = (options.public, options.ops);
        let DemoOptions { store, events, search, writers_port, .. } = options.clone();
        let backends = Backends { store, events, search };
        Ok(Self { data_dir, programs_dir, public, ops, writers_port, backends })
    }

    /// The executable.
    #[must_use]
    pub fn executable(&self, program: Program) -> PathBuf {
        self.programs_dir.join(program.name())
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self, program: Program) -> PathBuf {
        self.data_dir.join("config").join(format!("{}.toml", program.name()))
    }

    /// Where the child's words go.
    #[must_use]
    pub fn log(&self, program: Program) -> PathBuf {
        self.data_dir.join("logs").join(format!("{}.log", program.name()))
    }

    /// The document store, as configurations name it.
    #[must_use]
    pub fn store(&self) -> String {
        self.backends.store.clone().unwrap_or_else(|| self.folder("store"))
    }

    fn events(&self) -> String {
        self.backends.events.clone().unwrap_or_else(|| self.folder("events"))
    }

    fn folder(&self, name: &str) -> String {
        self.data_dir.join(name).to_string_lossy().into_owned()
    }

    /// Where a program answers its clients; the invalidator has none.
    #[must_use]
    pub fn address(&self, program: Program) -> Option<SocketAddr> {
        match program {
            Program::ShopWriter => Some(self.local(0)),
            Program::AdsWriter => Some(self.local(1)),
            Program::ReviewsWriter => Some(self.local(2)),
            Program::Invalidator => None,
            Program::QueryServer => Some(self.public),
        }
    }

    /// Where a program says how it is.
    #[must_use]
    pub fn ops(&self, program: Program) -> SocketAddr {
        match program {
            Program::ShopWriter => self.local(10),
            Program::AdsWriter => self.local(11),
            Program::ReviewsWriter => self.local(12),
            Program::Invalidator => self.local(13),
            Program::QueryServer => self.ops,
        }
    }

    /// Base URL of a program that has clients.
    #[must_use]
    pub fn url(&self, program: Program) -> String {
        self.address(program).map_or_else(String::new, url_of)
    }

    /// Base URL of a program's ops port.
    #[must_use]
    pub fn ops_url(&self, program: Program) -> String {
        url_of(self.ops(program))
    }

    fn local(&self, above: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.writers_port + above)
    }

    /// Says which port is in use before any program stumbles over it.
    ///
    /// # Errors
    /// Port, program and the flag that changes it.
    pub fn ports_are_free(&self) -> anyhow::Result<()> {
        let places = self.places();
        apart(&places)?;
        for Place { program, address, flag } in places {
            TcpListener::bind(address).map(drop).map_err(|error| {
                let name = program.name();
                anyhow::anyhow!("{name} cannot listen on `{address}`: {error}; is another demo running? Choose another with `{flag}`")
            })?;
        }
        Ok(())
    }

    /// Everywhere that a program listens.
    fn places(&self) -> Vec<Place> {
        let of = |program: Program| {
            let flags = match program {
                Program::QueryServer => ["--public", "--ops"],
                _ => ["--writers-port", "--writers-port"],
            };
            let addresses = [self.address(program), Some(self.ops(program))];
            let places = addresses.into_iter().zip(flags);
            places.filter_map(move |(address, flag)| Some(Place { program, address: address?, flag }))
        };
        ALL.iter().copied().flat_map(of).collect()
    }

    /// Writes the page and all configuration files.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        for directory in ["config", "logs", "databases", "events", "store"] {
            std::fs::create_dir_all(self.data_dir.join(directory))?;
        }
        std::fs::write(self.home_page(), admin_ui::HOME_PAGE)?;
        for program in ALL {
            let text =
                format!("# Written by `shopfront demo` at every start.\n{}", self.configuration(*program));
            std::fs::write(self.config(*program), text)?;
        }
        Ok(())
    }

    fn home_page(&self) -> PathBuf {
        self.data_dir.join("config").join("home.html")
    }

    fn configuration(&self, program: Program) -> Table {
        let path = |path: PathBuf| Value::String(path.to_string_lossy().into_owned());
        let text = |text: String| Value::String(text);
        let entries: Vec<(&str, Value)> = match program {
            Program::ShopWriter | Program::AdsWriter | Program::ReviewsWriter => vec![
                (
                    "listen",
                    text(self.address(program).map_or_else(String::new, |address| address.to_string())),
                ),
                (
                    "database",
                    path(self.data_dir.join("databases").join(format!("{}.sqlite", program.word()))),
                ),
                ("events", text(self.events())),
            ],
            Program::Invalidator => {
                let writers =
                    WRITERS.iter().map(|writer| (writer.word().to_owned(), text(self.url(*writer))));
                vec![
                    ("store", text(self.store())),
                    ("events", text(self.events())),
                    ("writers", Value::Table(writers.collect())),
                ]
            }
            Program::QueryServer => vec![
                ("public", text(self.public.to_string())),
                ("store", text(self.store())),
                ("home_page", path(self.home_page())),
            ],
        };
        let ops = ("ops", text(self.ops(program).to_string()));
        let search = match program {
            Program::Invalidator | Program::QueryServer => self.backends.search.clone(),
            _ => None,
        };
        let search = search.map(|search| ("search", text(search)));
        entries.into_iter().chain([ops]).chain(search).map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Where a program listens, and the flag that says so.
#[derive(Clone, Copy, Debug)]
struct Place {
    program: Program,
    address: SocketAddr,
    flag: &'static str,
}

/// No two programs at one place: each of them alone would find it free.
fn apart(places: &[Place]) -> anyhow::Result<()> {
    for (index, second) in places.iter().enumerate() {
        let (flag, address) = (second.flag, second.address);
        let same = places[..index].iter().find(|first| is_same(first.address, address));
        if let Some(first) = same {
            anyhow::bail!(
                "`{flag}` has {} listen on `{address}`, where `{}` has {} listen already (`{}`): choose another with `{flag}`",
                second.program.name(),
                first.flag,
                first.program.name(),
                first.address,
            );
        }
    }
    Ok(())
}

/// Who listens everywhere listens at each address. Port 0 is whichever is free.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let is_everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_everywhere || one.ip() == other.ip())
}

/// A client on this machine reaches a server that listens everywhere at the loopback address.
fn url_of(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), address.port())
        }
        _ => address,
    };
    format!("http://{reachable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(public: &str, ops: &str) -> Option<String> {
        let (public, ops) = (public.parse().unwrap(), ops.parse().unwrap());
        let dir = PathBuf::new;
        let layout = Layout {
            data_dir: dir(),
            programs_dir: dir(),
            public,
            ops,
            writers_port: 7_101,
            backends: Backends::default(),
        };
        apart(&layout.places()).err().map(|error| error.to_string())
    }

    #[test]
    fn two_programs_at_one_address_are_refused_by_their_flags() {
        assert_eq!(
            refused("127.0.0.1:18080", "127.0.0.1:18080").unwrap(),
            "`--ops` has query-server listen on `127.0.0.1:18080`, where `--public` has query-server listen already (`127.0.0.1:18080`): choose another with `--ops`"
        );
        let said = refused("0.0.0.0:7112", "127.0.0.1:8081").unwrap();
        assert!(
            said.contains("`--public` has query-server")
                && said.contains("has ads-writer listen already (`127.0.0.1:7112`)"),
            "{said}"
        );
        assert!(refused("127.0.0.1:8080", "[::]:8080").is_some(), "everywhere is there too");
        for (public, ops) in [
            ("127.0.0.1:8080", "127.0.0.1:8081"),
            ("127.0.0.1:8080", "127.0.0.2:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
        ] {
            assert_eq!(refused(public, ops), None, "{public} {ops}");
        }
    }
}
