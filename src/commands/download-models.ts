import { download, type DownloadRequest, type DownloadResult } from "../download/download.ts";
import { tellMovedBranches } from "../source/hub/listing.ts";

/** Downloads models of the Hub into a store. @throws as `download`, and Failure `hub.branch_moved` */
export function downloadModels(request: DownloadRequest): Promise<DownloadResult> {
  const snapshots = request.survey.models.flatMap((model) => model.snapshots);
  return download({ ...request, source: tellMovedBranches(request.source, snapshots) });
}
