//! What is started at AWS and then runs by itself.

mod alarm;
mod automation;
mod experiment;

pub(in crate::actions) use self::alarm::SetAlarm;
pub(in crate::actions) use self::automation::StartAutomation;
pub(in crate::actions) use self::experiment::StartExperiment;
