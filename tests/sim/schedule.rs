//! One schedule: two replicas on one store, polled future by future in an order drawn from the seed; people, mail and
//! everything that goes wrong between them. First a storm, then calm, in which the run must come to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};

use dr_buddy::domain::run::{Request, StepState};
use dr_buddy::engine::channel::Channel;
use dr_buddy::engine::clock::Clock;
use dr_buddy::engine::patience::Patience;
use dr_buddy::engine::{Asked, Engine, SubmitError, outbox};
use dr_buddy::store::{Claimed, Store};

use crate::Seeded;
use crate::actions::actions;
use crate::channel::{Wall, Writer};
use crate::fate::{Fate, SimClock};
use crate::judge::{Ledger, judge};
use crate::memory::MemoryStore;
use crate::people::{Mail, People, What, next_answer};
use crate::scene::{PEOPLE, person, run_id, scenes, start};
use crate::world::World;

/// How often something happens in the storm, at most.
const STORM: u64 = 250;
/// The calm comes to an end before that, or something is stuck.
const CALM: u64 = 20_000;

/// What a future leaves.
enum Left {
    Took(Vec<Claimed>),
    Performed,
    /// Handed in; whether somebody may be told that it is done or declined.
    Delivered(Box<Mail>, Option<bool>),
}

type Work = Pin<Box<dyn Future<Output = Left>>>;

/// A future with the time before which polling it is no use.
struct Task {
    work: Work,
    wake_at: u64,
    woken: Arc<Woken>,
}

/// Whether another future, going on, has let this one go on: it waited for its turn.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Task {
    fn wakes_at(&self) -> u64 {
        if self.woken.0.load(Relaxed) { 0 } else { self.wake_at }
    }
}

/// One process.
struct Replica {
    engine: Arc<Engine>,
    clock: Arc<SimClock>,
    tasks: Vec<Task>,
    is_taking: bool,
    /// Stopped, or being started again, until then.
    away_until: u64,
}

/// A schedule in progress.
pub(crate) struct Schedule {
    fate: Arc<Fate>,
    store: Arc<MemoryStore>,
    world: Arc<World>,
    wall: Arc<Wall>,
    seeded: Option<Seeded>,
    replicas: Vec<Replica>,
    mail: Vec<Mail>,
    people: People,
    ledger: Ledger,
}

/// How a schedule ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) broken: Vec<String>,
    pub(crate) trace: String,
    /// How many events its record has.
    pub(crate) events: usize,
    /// How many calls reached the world.
    pub(crate) calls: usize,
}

/// Runs the schedule of this seed.
pub(crate) fn run(seed: u64, seeded: Option<Seeded>, traced: bool) -> Ended {
    let fate = Fate::new(seed, traced);
    fate.say(|| format!("seed {seed}, {:?}", fate.weather));
    let world = Arc::new(World::new(&fate));
    let store = Arc::new(MemoryStore::new(&fate, &world, seeded));
    let mut schedule = Schedule {
        wall: Arc::default(),
        seeded,
        replicas: Vec::new(),
        mail: Vec::new(),
        people: People::default(),
        ledger: Ledger::default(),
        fate,
        store,
        world,
    };
    for _ in 0..2 {
        let ahead = i64::try_from(schedule.fate.below(10_000)).expect("small") - 5_000;
        let replica = schedule.boot(ahead);
        schedule.replicas.push(replica);
    }
    schedule.open();
    schedule.storm();
    schedule.calm();
    if !schedule.fate.is_broken() {
        let Schedule { fate, store, world, wall, ledger, .. } = &schedule;
        judge(fate, store, world, wall, ledger);
    }
    Ended {
        broken: schedule.fate.take_broken(),
        trace: schedule.fate.trace(),
        events: schedule.store.events(&run_id()).len(),
        calls: schedule.world.sent().len(),
    }
}

async fn deliver(engine: Arc<Engine>, mail: Mail, ignores_digest: bool) -> Left {
    let handed = match &mail.what {
        What::Start(start) => engine.start(&mail.key, start, &mail.by).await,
        What::Ask(request) => {
            let mut request = request.clone();
            if let (true, Request::Approve { step, digest }) = (ignores_digest, &mut request)
                && let Ok(Some(stored)) = engine.store.run(&run_id()).await
                && let Some(shown) = stored.run.steps[step].shown.as_ref()
            {
                *digest = shown.digest.clone();
            }
            let asked = Asked { key: &mail.key, request: &request, by: &mail.by, settles: None };
            engine.submit(&run_id(), asked).await
        }
    };
    let told = match handed {
        Ok(_) => Some(true),
        Err(SubmitError::Refused(_) | SubmitError::NoSuchRun(_)) => Some(false),
        Err(SubmitError::LeaseLost | SubmitError::Store(_) | SubmitError::Busy) => None,
    };
    Left::Delivered(Box::new(mail), told)
}

impl Schedule {
    fn boot(&self, ahead: i64) -> Replica {
        let clock = Arc::new(SimClock::new(&self.fate, ahead));
        let (wall, fate) = (Arc::clone(&self.wall), Arc::clone(&self.fate));
        let channel: Arc<dyn Channel> = Arc::new(Writer { wall, fate });
        let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(&self.store);
        let acts = Arc::new(actions(&self.fate, &self.world));
        let patience = self.seeded.map_or_else(Patience::default, Seeded::patience);
        let engine = Engine::new(store, acts, channel, Arc::<SimClock>::clone(&clock));
        let engine = Arc::new(engine.with_patience(patience));
        Replica { engine, clock, tasks: Vec::new(), is_taking: false, away_until: 0 }
    }

    fn open(&mut self) {
        let now = self.replicas[0].clock.now();
        let what = What::Start(Box::new(start(self.fate.index(scenes()), now)));
        let (key, by) = (self.people.key(), person(PEOPLE[0]));
        self.post(Mail { key, by, what, due: 0 });
    }

    /// Somebody asks; now and then twice.
    fn post(&mut self, mail: Mail) {
        self.ledger.asked.push(mail.clone());
        if self.fate.strikes(self.fate.weather.acks) {
            let due = mail.due + self.fate.below(5_000);
            self.mail.push(Mail { due, ..mail.clone() });
        }
        self.mail.push(mail);
    }

    fn ask(&mut self) {
        let Some(run) = self.store.peek(&run_id()) else { return };
        let Some((by, request)) = self.people.act(&self.fate, &run) else { return };
        let is_note = matches!(request, Request::Note { .. });
        let times = if !is_note && self.fate.below(12) == 0 { 2 } else { 1 };
        for _ in 0..times {
            let (key, what) = (self.people.key(), What::Ask(request.clone()));
            let late = self.fate.pick(&[0, 0, 0, 300, 3_000, 60_000]);
            let due = self.fate.steady() + self.fate.below(late + 1);
            self.fate
                .say(|| format!("       {} asks {key}: {request:?}", by.person().expect("one")));
            self.post(Mail { key, by: by.clone(), what, due });
        }
    }

    fn storm(&mut self) {
        for _ in 0..50 + self.fate.below(STORM) {
            if self.fate.is_broken() {
                return;
            }
            self.mishap();
            if self.fate.below(8) == 0 {
                self.ask();
            }
            if self.fate.below(30) == 0 {
                self.fate.pass(self.fate.pick(&[1, 200, 1_000, 5_000, 40_000]));
            }
            if !self.turn() && self.mail.is_empty() {
                self.ask();
            }
        }
    }

    /// What goes wrong now.
    fn mishap(&mut self) {
        let weather = self.fate.weather;
        let who = self.fate.index(self.replicas.len());
        let now = self.fate.steady();
        if self.fate.strikes(weather.kills) {
            self.fate.say(|| format!("{who}      killed"));
            self.restart(who);
            self.replicas[who].away_until = now + self.fate.pick(&[0, 2_000, 30_000, 300_000]);
        }
        if self.fate.strikes(weather.pauses) {
            let pause = self.fate.pick(&[5_000, 50_000, 100_000, 200_000, 400_000]);
            self.fate.say(|| format!("{who}      stopped for {} s", pause / 1000));
            self.replicas[who].away_until = now + pause;
        }
        if self.fate.strikes(weather.jumps) {
            let minutes = self.fate.pick(&[0, 0, 2, 10, 60]);
            self.fate.say(|| format!("{who}      its clock is {minutes} min ahead"));
            if minutes == 0 {
                self.restart(who);
            }
            self.replicas[who].clock.jump(minutes * 60_000);
        }
        if self.fate.strikes(weather.changes)
            && let Some(run) = self.store.peek(&run_id())
        {
            let steps: Vec<_> = run.steps.keys().collect();
            self.world.change(steps[self.fate.index(steps.len())]);
        }
    }

    /// The process ends and another takes its place, with a clock that is right. Everything it was in the middle of is
    /// gone; what was acknowledged to nobody is sent again.
    fn restart(&mut self, who: usize) {
        let ahead = self.replicas[who].clock.ahead();
        self.replicas[who] = self.boot(if ahead.abs() > 5_000 { 0 } else { ahead });
        self.lost_in_transit();
    }

    /// A request that was with a process that died comes again, unless it is waiting to be delivered anyway.
    fn lost_in_transit(&mut self) {
        let due = self.fate.steady() + 1_000;
        for mail in &self.ledger.asked {
            let waits = self.mail.iter().any(|other| other.key == mail.key);
            if !waits && !self.ledger.told.contains(&mail.key) {
                self.mail.push(Mail { due, ..mail.clone() });
            }
        }
    }

    /// The storm is over: everybody is back, and the run is brought to its end.
    fn calm(&mut self) {
        if self.fate.is_broken() {
            return;
        }
        self.fate.say(|| "the storm is over".to_owned());
        self.fate.end_storm();
        for who in 0..self.replicas.len() {
            self.replicas[who].away_until = 0;
            if self.replicas[who].clock.ahead() > 5_000 {
                self.restart(who);
            }
        }
        for _ in 0..CALM {
            if self.fate.is_broken() {
                return;
            }
            if self.turn() {
                continue;
            }
            // Nothing is under way: it is for the people, or over.
            let Some(run) = self.store.peek(&run_id()) else {
                return self.fate.broke("nobody was told that there is no run".to_owned());
            };
            let now = self.replicas[0].clock.now();
            if let Some((by, request)) = next_answer(&run, now) {
                let key = self.people.key();
                self.fate.say(|| format!("       the team asks {key}: {request:?}"));
                let due = self.fate.steady();
                self.post(Mail { key, by, what: What::Ask(request), due });
            } else if !self.wait() {
                if !run.is_closed() {
                    let states = run.steps.iter().filter(|(_, at)| at.state != StepState::Waiting);
                    let states: Vec<_> =
                        states.map(|(id, at)| format!("{id} {}", at.state.name())).collect();
                    self.fate.broke(format!("stuck, and nothing is owed: {states:?}"));
                }
                return;
            }
        }
        self.fate.broke(format!("not at its end after {CALM} turns"));
    }

    /// Polls one future, or begins something, or lets time pass to where something goes on. False if there is nothing
    /// to do before something is due in the outbox or at all.
    fn turn(&mut self) -> bool {
        let now = self.fate.steady();
        self.begin(now);
        let mut ready = Vec::new();
        let mut next = u64::MAX;
        for (who, replica) in self.replicas.iter().enumerate() {
            for (which, task) in replica.tasks.iter().enumerate() {
                let at = task.wakes_at().max(replica.away_until);
                if at <= now {
                    ready.push((who, which));
                }
                next = next.min(at);
            }
        }
        if !ready.is_empty() {
            let (who, which) = ready[self.fate.index(ready.len())];
            self.poll(who, which);
            return true;
        }
        let mail = self.mail.iter().map(|mail| mail.due).min();
        let next = next.min(mail.unwrap_or(u64::MAX));
        if next == u64::MAX {
            return self.fate.is_storm() && self.wait();
        }
        // While somebody waits, a lease may end.
        let next = next.min(now.saturating_add(self.due_in().unwrap_or(u64::MAX)));
        // Mail may wait for a replica that is away.
        let away = self.replicas.iter().map(|replica| replica.away_until).min().unwrap_or(0);
        self.fate.pass(next.max(away).max(now + 1) - now);
        true
    }

    /// Lets time pass to when something is due in the outbox; false if nothing is owed.
    fn wait(&mut self) -> bool {
        let Some(wait) = self.due_in() else { return false };
        self.fate.pass(wait.max(1));
        true
    }

    /// How long until something is due in the outbox, for whoever has it due first.
    fn due_in(&self) -> Option<u64> {
        let due = self.store.due()?;
        self.replicas.iter().map(|replica| due.since(replica.clock.now()).ms()).min()
    }

    /// What may be begun now: taking work, delivering mail.
    fn begin(&mut self, now: u64) {
        let due = self.store.due();
        let ignores_digest = self.seeded == Some(Seeded::IgnoreDigest);
        for who in 0..self.replicas.len() {
            let replica = &self.replicas[who];
            if replica.away_until > now {
                continue;
            }
            let is_due = due.is_some_and(|due| due <= replica.clock.now());
            if is_due && !replica.is_taking && self.fate.below(3) == 0 {
                let (engine, room) = (Arc::clone(&replica.engine), self.fate.pick(&[1, 2, 16]));
                let work = async move { Left::Took(outbox::take(&engine, room, room).await) };
                self.replicas[who].is_taking = true;
                self.spawn(who, Box::pin(work));
            }
            let waiting = self.mail.iter().position(|mail| mail.due <= now);
            if let Some(place) = waiting
                && self.fate.below(2) == 0
            {
                let mail = self.mail.remove(place);
                self.fate.say(|| format!("{who}      gets {}", mail.key));
                if self.seeded == Some(Seeded::AcknowledgeFirst) {
                    self.ledger.told.insert(mail.key.clone());
                }
                let engine = Arc::clone(&self.replicas[who].engine);
                self.spawn(who, Box::pin(deliver(engine, mail, ignores_digest)));
            }
        }
    }

    fn spawn(&mut self, who: usize, work: Work) {
        self.replicas[who].tasks.push(Task { work, wake_at: 0, woken: Arc::default() });
    }

    fn poll(&mut self, who: usize, which: usize) {
        let task = &mut self.replicas[who].tasks[which];
        task.woken.0.store(false, Relaxed);
        let waker = Waker::from(Arc::clone(&task.woken));
        let polled = self.fate.poll(|| task.work.as_mut().poll(&mut Context::from_waker(&waker)));
        match polled {
            Err(wake_at) => task.wake_at = wake_at,
            Ok(left) => {
                drop(self.replicas[who].tasks.swap_remove(which));
                self.left(who, left);
            }
        }
    }

    fn left(&mut self, who: usize, left: Left) {
        match left {
            Left::Took(claimed) => {
                self.replicas[who].is_taking = false;
                for claimed in claimed {
                    self.fate.say(|| format!("{who}      takes {}", claimed.key));
                    let engine = Arc::clone(&self.replicas[who].engine);
                    self.spawn(
                        who,
                        Box::pin(async move {
                            outbox::perform(&engine, claimed).await;
                            Left::Performed
                        }),
                    );
                }
            }
            Left::Performed => {}
            Left::Delivered(mail, told) => {
                self.fate.say(|| format!("{who}      answers {}: {told:?}", mail.key));
                let is_lost = self.fate.strikes(self.fate.weather.acks);
                if told.is_some() {
                    self.ledger.decided.insert(mail.key.clone());
                }
                match told {
                    Some(is_done) if !is_lost => {
                        if is_done {
                            self.ledger.done.insert(mail.key.clone());
                        }
                        self.ledger.told.insert(mail.key);
                    }
                    Some(_) | None if self.ledger.told.contains(&mail.key) => {}
                    Some(_) | None => {
                        let due = self.fate.steady() + 1_000 + self.fate.below(20_000);
                        self.mail.push(Mail { due, ..*mail });
                    }
                }
            }
        }
    }
}
