"""Reads what watches the account (detectors, standards, recorder, analyzer, alarms), and its own door."""

from infra.ops.audit.asking import Asked, Props, Reader, camel


def _analyzer(asked: Asked) -> Props | None:
    known = asked.client("accessanalyzer").get_analyzer(analyzerName=asked.id)["analyzer"]
    return {"analyzerName": known["name"], "type": known["type"]} if known["status"] == "ACTIVE" else None


def _recorder(asked: Asked) -> Props | None:
    answer = asked.client("config").describe_configuration_recorders(ConfigurationRecorderNames=[asked.id])
    (known,) = answer["ConfigurationRecorders"]
    return {
        "name": known["name"],
        "roleArn": known["roleARN"],
        "recordingGroup": camel(known.get("recordingGroup") or {}),
    }


def _recorder_status(asked: Asked) -> Props | None:
    config = asked.client("config")
    answer = config.describe_configuration_recorder_status(ConfigurationRecorderNames=[asked.id])
    (known,) = answer["ConfigurationRecordersStatus"]
    return {"name": asked.id, "isEnabled": known["recording"]}


def _hub(asked: Asked) -> Props | None:
    known = asked.client("securityhub").describe_hub()
    # Nobody tells later whether the default standards came with it; the subscriptions are read themselves.
    return {"autoEnableControls": known["AutoEnableControls"], **asked.untold("enableDefaultStandards")}


def _standard(asked: Asked) -> Props | None:
    answer = asked.client("securityhub").get_enabled_standards(StandardsSubscriptionArns=[asked.id])
    return next(
        (
            {"standardsArn": row["StandardsArn"]}
            for row in answer["StandardsSubscriptions"]
            if row["StandardsStatus"] not in ("DELETING", "FAILED")
        ),
        None,
    )


def _detector(asked: Asked) -> Props | None:
    known = asked.client("guardduty").get_detector(DetectorId=asked.id)
    return {"enable": known["Status"] == "ENABLED", **asked.untold("tags", "findingPublishingFrequency")}


def _feature(asked: Asked) -> Props | None:
    detector, _, name = asked.id.partition("/")
    known = asked.client("guardduty").get_detector(DetectorId=detector).get("Features") or []
    return next(
        (
            {"detectorId": detector, "name": name, "status": row["Status"]}
            for row in known
            if row["Name"] == name
        ),
        None,
    )


def _alarm(asked: Asked) -> Props | None:
    rows = asked.client("cloudwatch").describe_alarms(AlarmNames=[asked.id])["MetricAlarms"]
    return next(
        (
            {
                "name": row["AlarmName"],
                "metricName": row.get("MetricName"),
                "namespace": row.get("Namespace"),
                "actionsEnabled": row["ActionsEnabled"],
                "alarmActions": row["AlarmActions"],
            }
            for row in rows
        ),
        None,
    )


def _account_block(asked: Asked) -> Props | None:
    answer = asked.client("s3control").get_public_access_block(AccountId=asked.account.account_id)
    return dict(camel(answer["PublicAccessBlockConfiguration"]))


def _issuer(asked: Asked) -> Props | None:
    known = asked.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=asked.id)
    url = known["Url"]
    return {
        "url": url if url.startswith("https://") else f"https://{url}",
        "clientIdLists": known["ClientIDList"],
    }


READERS: dict[str, Reader] = {
    "aws:accessanalyzer/analyzer:Analyzer": _analyzer,
    "aws:cfg/recorder:Recorder": _recorder,
    "aws:cfg/recorderStatus:RecorderStatus": _recorder_status,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:guardduty/detector:Detector": _detector,
    "aws:guardduty/detectorFeature:DetectorFeature": _feature,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _issuer,
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": _account_block,
    "aws:securityhub/account:Account": _hub,
    "aws:securityhub/standardsSubscription:StandardsSubscription": _standard,
}
