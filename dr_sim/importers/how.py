"""Tells what a DBA runs to export what the importer reads. Columns are those of msdb's documented
system tables.
"""

from __future__ import annotations

HOW_TSQL = """\
-- 1. HISTORY: run at the primary; save the result as CSV with column heads
--    (or as JSON: add FOR JSON PATH at the end).
SELECT s.database_name, s.server_name, s.backup_set_uuid, s.type,
       s.backup_start_date, s.backup_finish_date, s.time_zone,
       s.first_lsn, s.last_lsn, s.checkpoint_lsn,
       s.database_backup_lsn, s.differential_base_lsn,
       s.first_recovery_fork_guid, s.last_recovery_fork_guid, s.fork_point_lsn,
       s.family_guid, s.database_guid, s.is_damaged, s.is_copy_only,
       s.recovery_model, s.backup_size, s.compressed_backup_size,
       s.position, f.device_type, f.physical_device_name,
       f.family_sequence_number, f.mirror
FROM msdb.dbo.backupset AS s
JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id
WHERE s.type IN ('D', 'I', 'L')
  AND s.backup_start_date >= DATEADD(day, -35, GETDATE())
ORDER BY s.database_name, s.backup_start_date;

-- 2. --restores: run at the secondary; save as CSV with column heads.
--    restore_date is local time, and msdb keeps no zone for it: time_zone
--    (quarter hours ahead of UTC) is today's. So export a stretch without a
--    change of the clocks.
SELECT r.restore_history_id, r.restore_date,
       DATEDIFF(minute, GETUTCDATE(), GETDATE()) / 15 AS time_zone,
       r.restore_type, r.destination_database_name,
       s.backup_set_uuid, s.database_name
FROM msdb.dbo.restorehistory AS r
JOIN msdb.dbo.backupset AS s ON s.backup_set_id = r.backup_set_id
WHERE r.restore_type IN ('D', 'I', 'L')
  AND r.restore_date >= DATEADD(day, -35, GETDATE())
ORDER BY r.restore_date, r.restore_history_id;

-- 3. --monitor: run at the secondary (thresholds, delay, how often its copy
--    and restore jobs run); save as CSV with column heads.
WITH job AS (
    SELECT j.job_id,
           MIN(c.freq_subday_interval
               * CASE c.freq_subday_type
                 WHEN 8 THEN 3600 WHEN 4 THEN 60 ELSE 1 END) AS every_s
    FROM msdb.dbo.sysjobschedules AS j
    JOIN msdb.dbo.sysschedules AS c ON c.schedule_id = j.schedule_id
    WHERE c.enabled = 1 AND c.freq_subday_type IN (2, 4, 8)
    GROUP BY j.job_id)
SELECT m.primary_server, m.primary_database,
       m.secondary_server, m.secondary_database,
       m.restore_threshold, m.threshold_alert_enabled, m.last_restored_latency,
       d.restore_delay, c.every_s AS copy_every_s, r.every_s AS restore_every_s
FROM msdb.dbo.log_shipping_monitor_secondary AS m
JOIN msdb.dbo.log_shipping_secondary_databases AS d
  ON d.secondary_id = m.secondary_id
  AND d.secondary_database = m.secondary_database
JOIN msdb.dbo.log_shipping_secondary AS p ON p.secondary_id = m.secondary_id
LEFT JOIN job AS c ON c.job_id = p.copy_job_id
LEFT JOIN job AS r ON r.job_id = p.restore_job_id;

-- 4. --monitor once more: run at the primary (its backup threshold); save as
--    CSV with column heads.
SELECT primary_server, primary_database, backup_threshold,
       threshold_alert_enabled, last_backup_date_utc
FROM msdb.dbo.log_shipping_monitor_primary;
"""
