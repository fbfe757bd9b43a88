{{- define "routewright.name" -}}
{{- if contains "routewright" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-routewright" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "routewright.selector" -}}
app.kubernetes.io/name: routewright
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "routewright.labels" -}}
{{ include "routewright.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
