//! A delivery area -> the H3 cells whose lists show the shop: all those of which any part is touched.
//!
//! No cell further away than the neighbours of touched ones is ever looked at.

mod circle; // around the kitchen
mod plane; //  metres around a place; points and lines
mod ring; //   corners

use std::collections::HashSet;

use h3o::{CellIndex, LatLng, Resolution};
use shop_document::{Area, Place};

use self::ring::Ring;
use super::LeftOut;

/// The resolution of all lists: cells of 0.7 km² on average.
pub const RESOLUTION: Resolution = Resolution::Eight;
/// Cells of one shop. The largest circle touches about 1,200 (1,700 where cells are smallest).
pub const CELLS_MAX: usize = 2_048;

/// All cells that the area touches, ascending; only the kitchen's own for an area that is none, and none at all for
/// a kitchen that is nowhere.
pub fn cells(kitchen: Place, area: &Area, left_out: &mut Vec<LeftOut>) -> Vec<u64> {
    let Some(place) = point(kitchen) else {
        let Place { lat, lng } = kitchen;
        let reason = format!("`{lat}, {lng}` is nowhere, expected -90 to 90 and -180 to 180");
        left_out.push(LeftOut::at("location", reason));
        return Vec::new();
    };
    let own = place.to_cell(RESOLUTION);
    let touched = match area {
        Area::Circle(radius_m) => circle::touched(place, own, *radius_m),
        Area::Ring(corners) => match Ring::of(kitchen, corners) {
            Ok(ring) => {
                // The kitchen may well stand outside of its own area.
                let start = if ring.touches(own) { own } else { ring.first() };
                flood(start, |cell| ring.touches(cell))
            }
            Err(reason) => {
                left_out.push(LeftOut::at("delivery.area.polygon", reason));
                Touched::bounded(vec![own])
            }
        },
    };
    if touched.is_cut {
        let reason = format!("touches more cells than the bound of {CELLS_MAX}, cut to the nearest");
        left_out.push(LeftOut::at("delivery.area", reason));
    }
    let mut cells: Vec<u64> = touched.cells.into_iter().map(u64::from).collect();
    cells.sort_unstable();
    cells
}

/// `None` for a place that is on no map.
fn point(place: Place) -> Option<LatLng> {
    let is_somewhere = place.lat.abs() <= 90.0 && place.lng.abs() <= 180.0;
    if is_somewhere { LatLng::new(place.lat, place.lng).ok() } else { None }
}

struct Touched {
    cells: Vec<CellIndex>,
    is_cut: bool,
}

impl Touched {
    /// The first ones of too many.
    fn bounded(mut cells: Vec<CellIndex>) -> Self {
        let is_cut = cells.len() > CELLS_MAX;
        cells.truncate(CELLS_MAX);
        Self { cells, is_cut }
    }
}

/// Everything touched that hangs together with `start`, which is touched; the nearest to it first. An area in one piece
/// touches cells that hang together, so this finds all of them.
fn flood(start: CellIndex, touches: impl Fn(CellIndex) -> bool) -> Touched {
    let (mut cells, mut looked_at, mut next) = (vec![start], HashSet::from([start]), 0);
    while next < cells.len() && cells.len() <= CELLS_MAX {
        for neighbour in cells[next].grid_disk::<Vec<_>>(1) {
            if looked_at.insert(neighbour) && touches(neighbour) {
                cells.push(neighbour);
            }
        }
        next += 1;
    }
    Touched::bounded(cells)
}

#[cfg(test)]
mod tests;
