//! History: streams that run or are over, and their audience.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Limit, Name, Place};
use super::seconds;
use crate::domain::tracker::{EndReason, Visibility};
use crate::domain::{RoomId, Timestamp, Username};
use crate::store::history::{SampleQuery, SampleRecord, SamplesOf, StreamQuery, StreamRecord};

use crate::web::Site;
use crate::web::problem::Problem;

/// Which streams.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// Of this creator, on the watchlist or not.
    #[param(value_type = Name, inline, required = false)]
    creator: Option<Name>,
    /// That began at this time or later.
    #[param(value_type = Timestamp, required = false)]
    since: Option<Timestamp>,
    /// That began before this time.
    #[param(value_type = Timestamp, required = false)]
    until: Option<Timestamp>,
    /// Streams on a page at most; 100 if left out.
    #[param(value_type = u16, minimum = 1, maximum = 500, required = false)]
    limit: Option<Limit<500>>,
    /// `next` of the page before.
    #[param(value_type = String, pattern = "^[0-9a-fA-F]{32}$", required = false)]
    cursor: Option<Place>,
}

/// A page of streams.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamPage {
    /// The newest first.
    streams: Vec<RecordedStream>,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// A stream as it was recorded. A room that ended and came back is listed once for each time.
#[derive(Debug, Serialize, ToSchema)]
struct RecordedStream {
    /// TikTok's room id, `stream.id` of the events; null if none was known.
    id: Option<String>,
    /// Whose.
    creator: Username,
    /// Where to watch it.
    url: String,
    /// Its last title.
    title: Option<String>,
    /// Its own word on its start.
    started_at: Option<Timestamp>,
    /// The first poll that saw it.
    first_seen_at: Timestamp,
    /// The last poll that saw it: the true end lies after this.
    last_seen_at: Timestamp,
    /// The first poll that saw it over: the true end lies before this; null while it runs.
    ended_at: Option<Timestamp>,
    /// `offline` or `replaced`; null while it runs.
    #[schema(value_type = Option<String>)]
    end_reason: Option<EndReason>,
    /// From its start to `ended_at`.
    duration_seconds: Option<f64>,
    /// From its start to the first poll that saw it; null if it does not say when it started, or ran before its creator was watched.
    detection_delay_seconds: Option<f64>,
    /// The largest audience seen.
    peak_viewers: Option<u64>,
    /// Mean audience over the samples.
    average_viewers: Option<u64>,
    /// Total of views, by its own word.
    views: Option<u64>,
    /// Audience samples that are kept.
    samples: u64,
    /// Whether its start was announced.
    announced: bool,
    /// It ran before the creator was first polled.
    already_live: bool,
    /// It continued the stream before.
    resumed: bool,
}

impl From<StreamRecord> for RecordedStream {
    fn from(stream: StreamRecord) -> Self {
        let delay = stream.detection_delay().filter(|_| !stream.already_live);
        Self {
            id: stream.room.as_ref().map(ToString::to_string),
            url: stream.creator.live_url(),
            duration_seconds: stream.duration().map(seconds),
            detection_delay_seconds: delay.map(seconds),
            creator: stream.creator,
            title: stream.title,
            started_at: stream.started_at,
            first_seen_at: stream.first_seen_at,
            last_seen_at: stream.last_seen_at,
            ended_at: stream.ended_at,
            end_reason: stream.end_reason,
            peak_viewers: stream.peak_viewers,
            average_viewers: stream.average_viewers,
            views: stream.views,
            samples: stream.samples,
            announced: stream.visibility == Visibility::Announced,
            already_live: stream.already_live,
            resumed: stream.resumed,
        }
    }
}

/// Streams, the newest first.
#[utoipa::path(get, path = "/api/v1/streams", tag = "streams", params(Wish),
    responses((status = 200, description = "a page", body = StreamPage)))]
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Json<StreamPage>, Problem> {
    let query = StreamQuery {
        creator: wish.creator.map(|name| name.0),
        since: wish.since,
        until: wish.until,
        after: wish.cursor.map(|place| place.0),
        limit: Limit::rows(wish.limit),
        ..StreamQuery::default()
    };
    let page = site.history.streams(query).await?;
    Ok(Json(StreamPage {
        streams: page.rows.into_iter().map(RecordedStream::from).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// Which samples.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SampleWish {
    /// Samples on a page at most; 100 if left out.
    #[param(value_type = u16, minimum = 1, maximum = 1000, required = false)]
    limit: Option<Limit<1_000>>,
    /// `next` of the page before.
    #[param(value_type = String, pattern = "^[0-9a-fA-F]{32}$", required = false)]
    cursor: Option<Place>,
}

/// A page of audience samples.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SamplePage {
    /// The oldest first.
    samples: Vec<Sample>,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// How many watched at one moment.
#[derive(Debug, Serialize, ToSchema)]
struct Sample {
    /// When.
    at: Timestamp,
    /// How many.
    viewers: u64,
}

impl From<SampleRecord> for Sample {
    fn from(sample: SampleRecord) -> Self {
        let SampleRecord { at, viewers, .. } = sample;
        Self { at, viewers }
    }
}

/// The audience of a stream, the oldest sample first; of all its times if its room came back.
#[utoipa::path(get, path = "/api/v1/streams/{id}/samples", tag = "streams",
    params(("id" = String, Path, description = "TikTok's room id, `stream.id` of the events"), SampleWish),
    responses((status = 200, description = "a page", body = SamplePage)))]
pub(super) async fn samples(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Query(wish): Query<SampleWish>,
) -> Result<Json<SamplePage>, Problem> {
    let unknown = || Problem::not_found("no stream of this id is stored");
    let room = RoomId::new(&id).ok_or_else(unknown)?;
    let query = SampleQuery {
        of: SamplesOf::Room(room.clone()),
        after: wish.cursor.map(|place| place.0),
        limit: Limit::rows(wish.limit),
        ..SampleQuery::default()
    };
    let page = site.history.samples(query).await?;
    if page.rows.is_empty() && site.history.room(&room).await?.is_empty() {
        return Err(unknown());
    }
    Ok(Json(SamplePage {
        samples: page.rows.into_iter().map(Sample::from).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}
